//! I1 to I3: each command of the journal against the log.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Findings, content::difference, log::Log};
use crate::{
    Outcome,
    journal::{Answer, Line},
    shop::{draw::Expected, message::Message},
};

/// A command with all answers that it got.
#[derive(Debug)]
struct Command {
    message: Message,
    expected: Expected,
    answers: Vec<Answer>,
}

/// What the answers of a command say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Acknowledged {
        position: i64,
    },
    /// Refused, or not taken by any attempt.
    Refused,
    /// An attempt may have recorded it.
    Open,
}

/// Checks all commands.
///
/// # Errors
/// If the journal cannot be understood.
pub fn check(lines: Vec<Line>, log: &Log, findings: &mut Findings) -> Outcome {
    let commands = gather(lines)?;
    let verdicts: BTreeMap<u64, Verdict> =
        commands.iter().map(|(number, command)| (*number, command.verdict())).collect();
    let mut known: HashSet<&str> = HashSet::new();
    for (number, command) in &commands {
        let verdict = verdicts.get(number).copied().unwrap_or(Verdict::Open);
        command.agree(*number, findings);
        match command.expected {
            Expected::Recorded => {
                known.insert(command.message.request_id());
                command.recorded(*number, verdict, log, findings);
            }
            Expected::Refused => {
                if matches!(verdict, Verdict::Acknowledged { .. }) {
                    findings.wrong_commands += 1;
                    findings.note(format!("command {number} must be refused: {:?}", command.answers));
                }
            }
            Expected::Repeated(first) => command.repeated(*number, verdict, verdicts.get(&first), findings),
        }
    }
    for request_id in log.requests().filter(|request_id| !known.contains(request_id)) {
        findings.wrong_commands += 1;
        findings.note(format!("the log has request {request_id}, which must not be in it"));
    }
    Ok(())
}

fn gather(lines: Vec<Line>) -> Outcome<BTreeMap<u64, Command>> {
    let mut commands = BTreeMap::new();
    let mut answers: HashMap<u64, Vec<Answer>> = HashMap::new();
    for line in lines {
        match line {
            Line::Sent { number, kind, message, expected, .. } => {
                let message = Message::decode(&kind, &hex::decode(message)?)?;
                commands.insert(number, Command { message, expected, answers: Vec::new() });
            }
            Line::Answered { number, answer, .. } => answers.entry(number).or_default().push(answer),
        }
    }
    for (number, answers) in answers {
        commands.get_mut(&number).ok_or("an answer without a command")?.answers = answers;
    }
    Ok(commands)
}

impl Command {
    fn verdict(&self) -> Verdict {
        let mut open = self.answers.is_empty();
        let mut refused = false;
        for answer in &self.answers {
            match answer {
                Answer::Ok { position, .. } => return Verdict::Acknowledged { position: *position },
                Answer::Refused { .. } => refused = true,
                Answer::Unknown { .. } => open = true,
                Answer::NotNow { .. } => {}
            }
        }
        // A refusal is about the content: it holds for the attempts before it.
        if open && !refused { Verdict::Open } else { Verdict::Refused }
    }

    /// All acknowledgements say the same, and nothing was refused besides.
    fn agree(&self, number: u64, findings: &mut Findings) {
        let mut first = None;
        for (nth, answer) in self.answers.iter().enumerate() {
            let problem = match answer {
                Answer::Ok { position, duplicate, business_date } => {
                    let same = *first.get_or_insert((position, business_date)) == (position, business_date);
                    let alone = nth == 0 && *duplicate && self.expected == Expected::Recorded;
                    !same || alone
                }
                Answer::Refused { reason } => reason == daybook::reason::INTERNAL || first.is_some(),
                Answer::NotNow { .. } | Answer::Unknown { .. } => false,
            };
            if problem {
                findings.wrong_commands += 1;
                findings.note(format!("command {number} was answered {:?}", self.answers));
                return;
            }
        }
    }

    fn recorded(&self, number: u64, verdict: Verdict, log: &Log, findings: &mut Findings) {
        let events = log.of_request(self.message.request_id());
        let what = || format!("command {number}, {} {}", self.message.kind(), self.message.request_id());
        if let Some((first, last)) = events.first().zip(events.last()) {
            let count = i64::try_from(events.len()).unwrap_or(0);
            if last.position - first.position + 1 != count {
                findings.doubled += 1;
                findings.note(format!("{} is in the log twice", what()));
            } else if let Some(difference) = difference(&self.message, &events, log) {
                findings.wrong_commands += 1;
                findings.note(format!("{}: {difference}", what()));
            }
        }
        match (verdict, events.last()) {
            (Verdict::Acknowledged { position }, last) => {
                findings.acknowledged += 1;
                if last.map(|event| event.position) != Some(position) {
                    findings.lost += 1;
                    let found = last.map(|event| event.position);
                    findings.note(format!("{} was acknowledged at {position}, found at {found:?}", what()));
                }
            }
            (Verdict::Open, last) => {
                findings.open += 1;
                findings.open_recorded += usize::from(last.is_some());
            }
            (Verdict::Refused, last) => {
                findings.refused += 1;
                if let Some(event) = last {
                    findings.wrong_commands += 1;
                    findings.note(format!("{} stands at {}: {:?}", what(), event.position, self.answers));
                } else if self.answers.iter().any(|answer| matches!(answer, Answer::Refused { .. })) {
                    findings.wrong_commands += 1;
                    findings.note(format!("{} is right, but was answered {:?}", what(), self.answers));
                }
            }
        }
    }

    fn repeated(&self, number: u64, verdict: Verdict, first: Option<&Verdict>, findings: &mut Findings) {
        let right = match verdict {
            Verdict::Acknowledged { .. } => {
                let told = |answer: &Answer| matches!(answer, Answer::Ok { duplicate, .. } if !duplicate);
                first == Some(&verdict) && !self.answers.iter().any(told)
            }
            Verdict::Refused => !self.answers.iter().any(|answer| matches!(answer, Answer::Refused { .. })),
            Verdict::Open => true,
        };
        if !right {
            findings.wrong_commands += 1;
            findings.note(format!("command {number} repeats one that came to {first:?}: {:?}", self.answers));
        }
    }
}
