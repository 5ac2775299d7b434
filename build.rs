//! Compiles proto/ once for the whole workspace: messages, clients, servers, the descriptor set for reflection, and the table
//! of who may call what. protox parses the files, so no protoc needs to be installed.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use protox::prost_reflect::{DescriptorPool, MethodDescriptor, Value, prost_types::FileDescriptorSet};

/// The scopes that there are; a method that names another one does not compile.
const SCOPES: [&str; 7] =
    ["sales:write", "supply:write", "inventory:write", "catalogue:write", "reports:read", "events:read", "admin"];

fn main() -> Result<(), Box<dyn Error>> {
    let files = [
        "daybook/access/v1/access.proto",
        "daybook/command/v1/answer.proto",
        "daybook/command/v1/assortment_service.proto",
        "daybook/command/v1/catalogue_service.proto",
        "daybook/command/v1/correction_service.proto",
        "daybook/command/v1/day_service.proto",
        "daybook/command/v1/inventory_service.proto",
        "daybook/command/v1/movement_service.proto",
        "daybook/command/v1/parking_service.proto",
        "daybook/command/v1/sale_service.proto",
        "daybook/command/v1/table_service.proto",
        "daybook/event/v1/event.proto",
        "daybook/event/v1/event_log_service.proto",
        "daybook/event/v1/values.proto",
        "daybook/projector/v1/generation_service.proto",
        "daybook/projector/v1/parked_service.proto",
        "daybook/query/v1/category_day_service.proto",
        "daybook/query/v1/common.proto",
        "daybook/query/v1/projection_service.proto",
        "daybook/query/v1/stock_service.proto",
        "daybook/query/v1/store_day_service.proto",
        "daybook/query/v1/supplier_day_service.proto",
    ];
    println!("cargo:rerun-if-changed=proto/daybook");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(files)?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    // Encoded by the compiler itself, which keeps the methods' own options.
    fs::write(out.join("daybook.binpb"), compiler.encode_file_descriptor_set())?;
    fs::write(out.join("access.rs"), access_rules(&compiler.descriptor_pool())?)?;
    tonic_prost_build::configure()
        .build_transport(true)
        .bytes(".daybook.event.v1.RecordedEvent")
        .compile_fds(compiler.file_descriptor_set())?;
    let encoded = out.join("encoded");
    fs::create_dir_all(&encoded)?;
    encoded_log(&encoded, compiler.file_descriptor_set())?;
    encoded_reports(&encoded, compiler.file_descriptor_set())
}

/// The log's service once more, with answers whose events stay encoded (`proto/event/encoded.rs`).
fn encoded_log(out: &Path, mut files: FileDescriptorSet) -> Result<(), Box<dyn Error>> {
    files.file.retain(|file| file.name() == "daybook/event/v1/event_log_service.proto");
    let mut config = tonic_prost_build::configure().out_dir(out);
    config = config.extern_path(".daybook.event.v1.RecordedEvent", "crate::event::encoded::RecordedEvent");
    for same in [
        "EventFilter",
        "ReadEventsRequest",
        "FollowEventsRequest",
        "GetStreamRequest",
        "GetLogStatusRequest",
        "GetLogStatusResponse",
    ] {
        config = config.extern_path(format!(".daybook.event.v1.{same}"), format!("crate::event::v1::{same}"));
    }
    Ok(config.compile_fds(files)?)
}

/// The services of reports once more, with answers whose report stays encoded (`proto/query/encoded.rs`).
fn encoded_reports(out: &Path, mut files: FileDescriptorSet) -> Result<(), Box<dyn Error>> {
    const REPORTS: [&str; 3] = ["StoreDay", "SupplierDay", "CategoryDay"];
    let names =
        ["store_day", "supplier_day", "category_day"].map(|name| format!("daybook/query/v1/{name}_service.proto"));
    files.file.retain(|file| names.iter().any(|name| file.name() == name));
    let mut config = tonic_prost_build::configure().out_dir(out).build_client(false);
    config = config.extern_path(".daybook.query.v1", "crate::query::v1");
    for report in REPORTS {
        let answer = format!(".daybook.query.v1.Get{report}Response");
        config = config.extern_path(answer, "crate::query::encoded::OneReport");
    }
    Ok(config.compile_fds(files)?)
}

/// The option `access` of all methods as a Rust table.
fn access_rules(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let mut table = String::from("pub const RULES: &[Rule] = &[\n");
    for service in pool.services() {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let scopes = scopes_of(pool, &method)?;
            if let Some(unknown) = scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str())) {
                return Err(format!("{path} names the scope {unknown:?}, which does not exist").into());
            }
            writeln!(table, "    Rule {{ path: {path:?}, any_of: &{scopes:?} }},")?;
        }
    }
    writeln!(table, "];\n\n/// All scopes.\npub const SCOPES: &[&str] = &{SCOPES:?};")?;
    Ok(table)
}

fn scopes_of(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<Vec<String>, Box<dyn Error>> {
    let extension = pool.get_extension_by_name("daybook.access.v1.access").ok_or("the option access is not there")?;
    let options = method.options();
    let access = options.get_extension(&extension);
    let any_of = access.as_message().and_then(|access| access.get_field_by_name("any_of"));
    let scopes = any_of.as_deref().and_then(Value::as_list).unwrap_or_default();
    Ok(scopes.iter().filter_map(|scope| scope.as_str().map(str::to_owned)).collect())
}
