use std::{env, io::Result};

/// Generates the clients from the definitions in `@dcl/protocol`, whose folder is in `PROTOCOL`.
fn main() -> Result<()> {
    println!("cargo:rerun-if-env-changed=PROTOCOL");
    let folder = env::var("PROTOCOL").expect("PROTOCOL is the folder of the definitions");
    let definitions = ["v1", "v2"]
        .map(|version| format!("{folder}/decentraland/social_service/{version}/social_service_{version}.proto"));
    let mut config = prost_build::Config::new();
    config.service_generator(Box::new(dcl_rpc::codegen::RPCServiceGenerator::new()));
    config.include_file("protocol.rs");
    config.compile_protos(&definitions, &[folder.as_str(), "proto"])
}
