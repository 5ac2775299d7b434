//! docs/api.md is what the contract says: it is made from the comments in proto/. After a change of the contract,
//! `DAYBOOK_WRITE_DOCS=1 cargo test -p daybook --test api_reference` writes it again.
#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use daybook::{access::RULES, reason};
use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor,
};

const HEAD: &str = "# API reference

Made from the comments in `proto/`; the packages are versioned, and a version only ever grows.

Units: money is whole minor units (`_minor`) of the currency beside it, quantities are thousandths (`_milli`) of the unit
beside them, rates are millionths (`_ppm`), dates are ISO 8601 text, instants are `google.protobuf.Timestamp`. Calls carry
`authorization: Bearer …` where callers are verified; the scope of which a caller needs one stands at each method.

";

#[test]
fn the_reference_says_what_the_contract_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md");
    let expected = reference();
    if env::var_os("DAYBOOK_WRITE_DOCS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(found.lines()).position(|(expected, found)| expected != found);
    assert!(
        found == expected,
        "docs/api.md is older than the contract, from line {:?} on",
        differs.map(|line| line + 1)
    );
}

#[test]
fn everything_is_explained() {
    let pool = DescriptorPool::decode(daybook::FILE_DESCRIPTOR_SET).unwrap();
    let mut silent = Vec::new();
    for service in own_services(&pool) {
        if comment(&service.parent_file(), service.path()).is_empty() {
            silent.push(service.full_name().to_owned());
        }
    }
    assert!(silent.is_empty(), "no comment says what these are for: {silent:?}");
}

fn reference() -> String {
    let pool = DescriptorPool::decode(daybook::FILE_DESCRIPTOR_SET).unwrap();
    let mut text = HEAD.to_owned();
    text.push_str("## Reasons\n\nErrors and warnings name one of these in `google.rpc.ErrorInfo` (domain `daybook`); they never change \
        their meaning.\n\n| reason | what it says |\n|---|---|\n");
    for (name, meaning) in reason::MEANINGS {
        writeln!(text, "| `{name}` | {meaning} |").unwrap();
    }
    text.push('\n');
    for service in own_services(&pool) {
        write_service(&mut text, &service);
    }
    let mut packages: BTreeMap<String, (Vec<MessageDescriptor>, Vec<EnumDescriptor>)> = BTreeMap::new();
    for message in pool.all_messages().filter(|message| is_own(message.package_name()) && !message.is_map_entry()) {
        packages.entry(message.package_name().to_owned()).or_default().0.push(message);
    }
    for kind in pool.all_enums().filter(|kind| is_own(kind.package_name())) {
        packages.entry(kind.package_name().to_owned()).or_default().1.push(kind);
    }
    for (package, (mut messages, mut enums)) in packages {
        writeln!(text, "## Messages of {package}\n").unwrap();
        messages.sort_by(|a, b| a.full_name().cmp(b.full_name()));
        enums.sort_by(|a, b| a.full_name().cmp(b.full_name()));
        messages.iter().for_each(|message| write_message(&mut text, message));
        enums.iter().for_each(|kind| write_enum(&mut text, kind));
    }
    text
}

fn is_own(package: &str) -> bool {
    package.starts_with("daybook.")
}

fn own_services(pool: &DescriptorPool) -> Vec<ServiceDescriptor> {
    let mut services: Vec<_> = pool.services().filter(|service| is_own(service.package_name())).collect();
    services.sort_by(|a, b| a.full_name().cmp(b.full_name()));
    services
}

fn write_service(text: &mut String, service: &ServiceDescriptor) {
    writeln!(text, "## {}\n", service.full_name()).unwrap();
    write_paragraph(text, &comment(&service.parent_file(), service.path()));
    for method in service.methods() {
        write_method(text, &method);
    }
}

fn write_method(text: &mut String, method: &MethodDescriptor) {
    let stream = |is_stream: bool| if is_stream { "stream of " } else { "" };
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let scopes = RULES.iter().find(|rule| rule.path == path).map(|rule| rule.any_of).unwrap_or_default();
    let scopes: Vec<_> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
    writeln!(text, "### {}\n", method.name()).unwrap();
    write_paragraph(text, &comment(&method.parent_service().parent_file(), method.path()));
    writeln!(
        text,
        "{}{} → {}{}; scope: {}\n",
        stream(method.is_client_streaming()),
        reference_to(method.input().full_name()),
        stream(method.is_server_streaming()),
        reference_to(method.output().full_name()),
        scopes.join(" or "),
    )
    .unwrap();
}

fn write_message(text: &mut String, message: &MessageDescriptor) {
    writeln!(text, "### {}\n", message.full_name()).unwrap();
    write_paragraph(text, &comment(&message.parent_file(), message.path()));
    if message.fields().len() == 0 {
        return;
    }
    text.push_str("| field | type | |\n|---|---|---|\n");
    for field in message.fields() {
        let one_of = field.containing_oneof().filter(|group| !group.is_synthetic());
        let one_of = one_of.map(|group| format!("one of `{}`. ", group.name())).unwrap_or_default();
        let comment = comment(&message.parent_file(), field.path()).replace('\n', " ").replace('|', "\\|");
        writeln!(text, "| `{}` | {} | {one_of}{comment} |", field.name(), type_of(&field)).unwrap();
    }
    text.push('\n');
}

fn write_enum(text: &mut String, kind: &EnumDescriptor) {
    writeln!(text, "### {}\n", kind.full_name()).unwrap();
    write_paragraph(text, &comment(&kind.parent_file(), kind.path()));
    text.push_str("| value | number | |\n|---|---|---|\n");
    for value in kind.values() {
        let comment = comment(&kind.parent_file(), value.path()).replace('\n', " ");
        writeln!(text, "| `{}` | {} | {comment} |", value.name(), value.number()).unwrap();
    }
    text.push('\n');
}

fn write_paragraph(text: &mut String, paragraph: &str) {
    if !paragraph.is_empty() {
        writeln!(text, "{paragraph}\n").unwrap();
    }
}

fn type_of(field: &FieldDescriptor) -> String {
    let plain = match field.kind() {
        Kind::Message(message) => reference_to(message.full_name()),
        Kind::Enum(kind) => reference_to(kind.full_name()),
        other => format!("{other:?}").to_lowercase(),
    };
    if field.cardinality() == Cardinality::Repeated { format!("repeated {plain}") } else { plain }
}

/// A link to a message of ours.
fn reference_to(name: &str) -> String {
    if !is_own(name) {
        return format!("`{name}`");
    }
    let anchor: String = name.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    format!("[`{name}`](#{anchor})")
}

/// The comment before a part of a file.
fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let location = info.and_then(|info| info.location.iter().find(|location| location.path == path));
    let comment = location.and_then(|location| location.leading_comments.as_deref()).unwrap_or_default();
    comment.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned()
}
