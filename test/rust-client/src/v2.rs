//! A client of protocol v2, as the explorers in Rust are: all methods of the generated client, their payloads and answers in
//! hexadecimal.

use std::sync::Arc;

use dcl_rpc::{
    client::{ClientResult, RpcClient},
    stream_protocol::Generator,
    transports::web_sockets::{
        tungstenite::{TungsteniteWebSocket, WebSocketClient},
        Error, Message, WebSocket, WebSocketTransport,
    },
};

use crate::{debug, lines, protocol::decentraland::social_service::v2::*, Outcome};

/// What differs between the explorers.
#[async_trait::async_trait]
pub trait Explorer: WebSocket + Sized {
    async fn open(url: &str) -> Result<Arc<Self>, Error>;

    /// The first message of a socket, with what the user signed.
    fn handshake(headers: &str) -> Message;
}

/// As godot-explorer, `lib/src/social/social_service_manager.rs` at d98a2bbfccfb32ac914561a6eb3d990cd22ef457. The library that
/// it pins (decentraland/rpc-rust aa2302d6918e2d1c7f2e298aa972d8a6bba6c389) has the sources of the release 2.3.6.
#[async_trait::async_trait]
impl Explorer for TungsteniteWebSocket {
    async fn open(url: &str) -> Result<Arc<Self>, Error> {
        WebSocketClient::connect(url).await
    }

    fn handshake(headers: &str) -> Message {
        Message::Binary(headers.as_bytes().to_vec())
    }
}

/// What has to live as long as the connection is used.
struct Connection<W: Explorer> {
    socket: Arc<W>,
    _client: RpcClient<WebSocketTransport<W, ()>>,
    service: SocialServiceClient<WebSocketTransport<W, ()>>,
}

/// Calls the method of a name with a payload in hexadecimal.
macro_rules! call {
    ($service:expr, $name:expr, $payload:expr, $($method:ident($($payload_type:ty)?)),* $(,)?) => {
        match $name {
            $(stringify!($method) => answer($service.$method($(decode::<$payload_type>($payload)?)?).await),)*
            other => Err(format!("unknown method {other}")),
        }
    };
}

/// Opens the stream of a name.
macro_rules! subscribe {
    ($service:expr, $name:expr, $($method:ident),* $(,)?) => {
        match $name {
            $(stringify!($method) => listen(stringify!($method), $service.$method().await),)*
            other => Err(format!("unknown stream {other}")),
        }
    };
}

pub async fn run<W: Explorer>(url: &str) -> Result<(), String> {
    let mut connection: Option<Connection<W>> = None;
    let mut lines = lines();
    while let Some(line) = lines.next_line().await.map_err(debug)? {
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let outcome = match (command, &connection) {
            ("connect", _) => connect(url, rest).await.map(|made| {
                connection = Some(made);
                "connected".into()
            }),
            (_, None) => Err("not connected".into()),
            ("ping", Some(Connection { socket, .. })) => {
                socket.send(Message::Ping).await.map(|()| "sent".into()).map_err(debug)
            }
            (_, Some(Connection { service, .. })) => perform(service, command, rest).await,
        };
        println!("{}", outcome.unwrap_or_else(|error| format!("failed {error}")));
    }
    Ok(())
}

async fn connect<W: Explorer>(url: &str, headers: &str) -> Result<Connection<W>, String> {
    let socket = W::open(url).await.map_err(debug)?;
    socket.send(W::handshake(headers)).await.map_err(debug)?;
    let transport = WebSocketTransport::new(socket.clone());
    let mut client = RpcClient::new(transport).await.map_err(debug)?;
    let port = client.create_port("SocialService").await.map_err(debug)?;
    let service = port.load_module("SocialService").await.map_err(debug)?;
    Ok(Connection {
        socket,
        _client: client,
        service,
    })
}

async fn perform<W: Explorer>(
    service: &SocialServiceClient<WebSocketTransport<W, ()>>,
    command: &str,
    rest: &str,
) -> Outcome {
    let (name, payload) = rest.split_once(' ').unwrap_or((rest, ""));
    match command {
        "call" => call!(
            service,
            name,
            payload,
            get_friends(GetFriendsPayload),
            get_mutual_friends(GetMutualFriendsPayload),
            get_pending_friendship_requests(GetFriendshipRequestsPayload),
            get_sent_friendship_requests(GetFriendshipRequestsPayload),
            upsert_friendship(UpsertFriendshipPayload),
            get_friendship_status(GetFriendshipStatusPayload),
            block_user(BlockUserPayload),
            unblock_user(UnblockUserPayload),
            get_blocked_users(GetBlockedUsersPayload),
            get_blocking_status(),
            get_social_settings(),
            upsert_social_settings(UpsertSocialSettingsPayload),
            get_private_messages_settings(GetPrivateMessagesSettingsPayload),
            start_private_voice_chat(StartPrivateVoiceChatPayload),
            accept_private_voice_chat(AcceptPrivateVoiceChatPayload),
            reject_private_voice_chat(RejectPrivateVoiceChatPayload),
            end_private_voice_chat(EndPrivateVoiceChatPayload),
            get_incoming_private_voice_chat_request(),
            start_community_voice_chat(StartCommunityVoiceChatPayload),
            join_community_voice_chat(JoinCommunityVoiceChatPayload),
            request_to_speak_in_community_voice_chat(RequestToSpeakInCommunityVoiceChatPayload),
            promote_speaker_in_community_voice_chat(PromoteSpeakerInCommunityVoiceChatPayload),
            demote_speaker_in_community_voice_chat(DemoteSpeakerInCommunityVoiceChatPayload),
            kick_player_from_community_voice_chat(KickPlayerFromCommunityVoiceChatPayload),
            reject_speak_request_in_community_voice_chat(RejectSpeakRequestInCommunityVoiceChatPayload),
            end_community_voice_chat(EndCommunityVoiceChatPayload),
            mute_speaker_from_community_voice_chat(MuteSpeakerFromCommunityVoiceChatPayload),
        ),
        "subscribe" => subscribe!(
            service,
            name,
            subscribe_to_friendship_updates,
            subscribe_to_friend_connectivity_updates,
            subscribe_to_block_updates,
            subscribe_to_community_member_connectivity_updates,
            subscribe_to_private_voice_chat_updates,
            subscribe_to_community_voice_chat_updates,
        ),
        other => Err(format!("unknown command {other}")),
    }
}

fn answer(result: ClientResult<impl prost::Message>) -> Outcome {
    Ok(format!("answer {}", hex(&result.map_err(debug)?)))
}

fn listen<Item: prost::Message + Default + 'static>(
    name: &'static str,
    opened: ClientResult<Generator<Item>>,
) -> Outcome {
    let mut items = opened.map_err(debug)?;
    tokio::spawn(async move {
        while let Some(item) = items.next().await {
            println!("item {name} {}", hex(&item));
        }
        println!("ended {name}");
    });
    Ok("subscribed".into())
}

fn hex(message: &impl prost::Message) -> String {
    message
        .encode_to_vec()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn decode<Payload: prost::Message + Default>(text: &str) -> Result<Payload, String> {
    let bytes: Result<Vec<u8>, _> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16))
        .collect();
    Payload::decode(bytes.map_err(debug)?.as_slice()).map_err(debug)
}
