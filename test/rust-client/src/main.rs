//! Clients on the published Rust implementation of dcl-rpc. The arguments are the kind of client, a URL, and for v1 an access
//! token. Each reads a command from each line of its input, and says on a line of its output what came of it.

use std::{env, fmt::Debug};

use dcl_rpc::transports::web_sockets::tungstenite::TungsteniteWebSocket;
use tokio::io::{stdin, AsyncBufReadExt, BufReader, Lines, Stdin};

mod bevy_socket;
mod v1;
mod v2;

#[allow(dead_code)]
mod protocol {
    include!(concat!(env!("OUT_DIR"), "/protocol.rs"));
}

type Outcome = Result<String, String>;

// On several threads, dcl-rpc 2.3 may listen for an answer only after it has come, and then waits for ever.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), String> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [kind, url, rest @ ..] = arguments.as_slice() else {
        return Err("the kind of client or the URL is missing".into());
    };
    match kind.as_str() {
        "v1" => v1::run(url, rest.first().cloned()).await,
        "godot" => v2::run::<TungsteniteWebSocket>(url).await,
        "bevy" => v2::run::<bevy_socket::BevySocket>(url).await,
        other => Err(format!("unknown kind of client {other}")),
    }
}

fn lines() -> Lines<BufReader<Stdin>> {
    BufReader::new(stdin()).lines()
}

fn debug(error: impl Debug) -> String {
    format!("{error:?}")
}
