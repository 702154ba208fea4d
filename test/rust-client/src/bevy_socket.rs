//! A socket as bevy-explorer has it, `crates/social/src/{client,rpc_websocket}.rs` at d18de13b07a6a9aa8d7aa9187838e77f987f33bd: its own
//! one under the library, so that its handshake is a text, it sends pings, and it notices when the server closes.

use std::sync::Arc;

use dcl_rpc::transports::web_sockets::{Error, Message, WebSocket};
use futures_util::{
    stream::{SplitSink, SplitStream},
    SinkExt, StreamExt,
};
use tokio::{net::TcpStream, sync::Mutex};
use tokio_tungstenite::{connect_async, tungstenite, MaybeTlsStream, WebSocketStream};

use crate::v2::Explorer;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub struct BevySocket {
    read: Mutex<SplitStream<Stream>>,
    write: Mutex<SplitSink<Stream, tungstenite::Message>>,
}

#[async_trait::async_trait]
impl Explorer for BevySocket {
    async fn open(url: &str) -> Result<Arc<Self>, Error> {
        let (stream, _) = connect_async(url).await?;
        let (write, read) = stream.split();
        Ok(Arc::new(Self {
            read: Mutex::new(read),
            write: Mutex::new(write),
        }))
    }

    fn handshake(headers: &str) -> Message {
        Message::Text(headers.into())
    }
}

#[async_trait::async_trait]
impl WebSocket for BevySocket {
    async fn send(&self, message: Message) -> Result<(), Error> {
        Ok(self.write.lock().await.send(message.into()).await?)
    }

    async fn receive(&self) -> Option<Result<Message, Error>> {
        let received = self.read.lock().await.next().await;
        if !matches!(&received, Some(Ok(message)) if !message.is_close()) {
            println!("closed");
        }
        received.map(|message| Ok(message?.into()))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(self.write.lock().await.close().await?)
    }
}
