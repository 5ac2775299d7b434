//! The targets, one file each.

mod contenders;
mod d1;
mod e1;
mod g1;
mod g2;
mod history;
mod p1;
mod p2;
mod p3;
mod p4;
mod p5;
mod p6;
mod p7;
mod p8;
mod p9;

use daybook_chassis::BoxError;

use crate::bench::Bench;

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    P1,
    P2,
    P3,
    P4,
    P5,
    P6,
    P7,
    P8,
    P9,
    D1,
    E1,
    G1,
    G2,
}

impl Target {
    /// What `all` stands for: that takes a quarter of an hour.
    pub(crate) const ALL: [Self; 9] =
        [Self::P1, Self::P2, Self::P3, Self::P4, Self::P5, Self::P6, Self::P7, Self::P8, Self::P9];

    /// What is measured only if it is named.
    pub(crate) const FURTHER: [Self; 4] = [Self::D1, Self::E1, Self::G1, Self::G2];

    fn name(self) -> &'static str {
        match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::P4 => "P4",
            Self::P5 => "P5",
            Self::P6 => "P6",
            Self::P7 => "P7",
            Self::P8 => "P8",
            Self::P9 => "P9",
            Self::D1 => "D1",
            Self::E1 => "E1",
            Self::G1 => "G1",
            Self::G2 => "G2",
        }
    }
}

/// Reads a target of the command line; `None` stands for P1 to P9.
pub(crate) fn parse(text: &str) -> Result<Option<Target>, String> {
    if text.eq_ignore_ascii_case("all") {
        return Ok(None);
    }
    let named = Target::ALL.into_iter().chain(Target::FURTHER).find(|target| target.name().eq_ignore_ascii_case(text));
    named.map(Some).ok_or_else(|| "must be one of P1 to P9, D1, E1, G1, G2, or all".to_owned())
}

/// Measures what was asked for. What works on the same instance comes together; no instance stays that nobody needs.
pub(crate) async fn run(bench: &mut Bench) -> Result<(), BoxError> {
    let wanted = bench.cli.targets();
    let wants = |target: Target| wanted.contains(&target);
    if wants(Target::P1) {
        bench.progress.target("P1");
        Box::pin(p1::run(bench)).await?;
    }
    if wants(Target::P2) {
        bench.progress.target("P2");
        Box::pin(p2::run(bench)).await?;
    }
    if wants(Target::P3) || wants(Target::P9) {
        bench.progress.target("P3");
        let usage = Box::pin(p3::run(bench)).await?;
        p9::run(bench, &usage);
    }
    if wants(Target::P6) {
        bench.progress.target("P6");
        Box::pin(p6::run(bench)).await?;
    }
    if let Some(main) = bench.main.take() {
        main.discard().await?;
    }
    if wants(Target::P4) || wants(Target::P5) {
        bench.progress.target(if wants(Target::P4) { "P4" } else { "P5" });
        let instance = Box::pin(history::instance(bench)).await?;
        if wants(Target::P4) {
            Box::pin(p4::run(bench, &instance)).await?;
        }
        if wants(Target::P5) {
            bench.progress.target("P5");
            Box::pin(p5::run(bench, &instance)).await?;
        }
        instance.discard().await?;
    }
    if wants(Target::P7) {
        bench.progress.target("P7");
        Box::pin(p7::run(bench)).await?;
    }
    if wants(Target::P8) {
        bench.progress.target("P8");
        Box::pin(p8::run(bench)).await?;
    }
    if wants(Target::D1) {
        bench.progress.target("D1");
        Box::pin(d1::run(bench)).await?;
    }
    if wants(Target::E1) {
        bench.progress.target("E1");
        Box::pin(e1::run(bench)).await?;
    }
    if wants(Target::G1) {
        bench.progress.target("G1");
        Box::pin(g1::run(bench)).await?;
    }
    if wants(Target::G2) {
        bench.progress.target("G2");
        Box::pin(g2::run(bench)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_named() {
        assert_eq!(parse("p3"), Ok(Some(Target::P3)));
        assert_eq!(parse("ALL"), Ok(None));
        assert_eq!(parse("g1"), Ok(Some(Target::G1)));
        assert!(parse("P10").is_err());
    }
}
