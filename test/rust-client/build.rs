use std::{env, io::Result};

/// Generates the client from the definition in `@dcl/protocol`, whose folder is in `PROTOCOL`.
fn main() -> Result<()> {
    println!("cargo:rerun-if-env-changed=PROTOCOL");
    let folder = env::var("PROTOCOL").expect("PROTOCOL is the folder of the definitions");
    let definition = format!("{folder}/decentraland/social_service/v1/social_service_v1.proto");
    let mut config = prost_build::Config::new();
    config.service_generator(Box::new(dcl_rpc::codegen::RPCServiceGenerator::new()));
    config.compile_protos(&[definition.as_str()], &[folder.as_str()])
}
