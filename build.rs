//! Compiles proto/ once for the whole workspace: messages, clients, servers, and the descriptor set for reflection.
//! protox parses the files, so no protoc needs to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let files = [
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
    let descriptors = protox::compile(files, ["proto"])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("daybook.binpb"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(true)
        .bytes(".daybook.event.v1.RecordedEvent")
        .compile_fds(descriptors)?;
    Ok(())
}
