//! A client of protocol v1, with an access token.

use dcl_rpc::{
    client::RpcClient,
    stream_protocol::Generator,
    transports::web_sockets::{
        tungstenite::{TungsteniteWebSocket, WebSocketClient},
        WebSocketTransport,
    },
};

use crate::{
    debug, lines,
    protocol::decentraland::social_service::v1::{
        friendship_event_payload as payload, friendship_event_response as event, request_events_response as requests,
        subscribe_friendship_events_updates_response as updates, update_friendship_response as update,
        users_response as users, *,
    },
    Outcome,
};

type Client = FriendshipsServiceClient<WebSocketTransport<TungsteniteWebSocket, ()>>;

pub async fn run(url: &str, token: Option<String>) -> Result<(), String> {
    let token = Payload { synapse_token: token };
    let socket = WebSocketClient::connect(url).await.map_err(debug)?;
    let mut connection = RpcClient::new(WebSocketTransport::new(socket)).await.map_err(debug)?;
    let port = connection.create_port("rust").await.map_err(debug)?;
    let client: Client = port.load_module("FriendshipsService").await.map_err(debug)?;
    println!("connected");

    let mut lines = lines();
    while let Some(line) = lines.next_line().await.map_err(debug)? {
        let answer = perform(&client, &token, &line)
            .await
            .unwrap_or_else(|error| format!("failed {error}"));
        println!("{answer}");
    }
    Ok(())
}

async fn perform(client: &Client, token: &Payload, line: &str) -> Outcome {
    let words: Vec<&str> = line.splitn(3, ' ').collect();
    let user = words.get(1).map(|address| User {
        address: address.to_string(),
    });
    match words[0] {
        "friends" => listed(client.get_friends(token.clone()).await.map_err(debug)?).await,
        "mutual-friends" => {
            let request = MutualFriendsPayload {
                user,
                auth_token: Some(token.clone()),
            };
            listed(client.get_mutual_friends(request).await.map_err(debug)?).await
        }
        "requests" => match client.get_request_events(token.clone()).await.map_err(debug)?.response {
            Some(requests::Response::Events(RequestEvents { incoming, outgoing })) => Ok(format!(
                "requests in [{}] out [{}]",
                waiting(incoming),
                waiting(outgoing)
            )),
            other => Ok(format!("{other:?}")),
        },
        "subscribe" => {
            let mut items = client
                .subscribe_friendship_events_updates(token.clone())
                .await
                .map_err(debug)?;
            tokio::spawn(async move {
                while let Some(SubscribeFriendshipEventsUpdatesResponse { response }) = items.next().await {
                    match response {
                        Some(updates::Response::Events(events)) => events
                            .responses
                            .into_iter()
                            .for_each(|event| println!("update {}", in_words(event))),
                        other => println!("update {other:?}"),
                    }
                }
                println!("update nothing more");
            });
            Ok("subscribed".into())
        }
        action => {
            let event = FriendshipEventPayload {
                body: Some(body(action, user, words.get(2))?),
            };
            let request = UpdateFriendshipPayload {
                event: Some(event),
                auth_token: Some(token.clone()),
            };
            match client.update_friendship_event(request).await.map_err(debug)?.response {
                Some(update::Response::Event(event)) => Ok(format!("done {}", in_words(event))),
                other => Ok(format!("{other:?}")),
            }
        }
    }
}

fn body(action: &str, user: Option<User>, message: Option<&&str>) -> Result<payload::Body, String> {
    Ok(match action {
        "request" => payload::Body::Request(RequestPayload {
            user,
            message: message.map(|text| text.to_string()),
        }),
        "accept" => payload::Body::Accept(AcceptPayload { user }),
        "reject" => payload::Body::Reject(RejectPayload { user }),
        "delete" => payload::Body::Delete(DeletePayload { user }),
        "cancel" => payload::Body::Cancel(CancelPayload { user }),
        _ => return Err(format!("unknown command {action}")),
    })
}

async fn listed(mut pages: Generator<UsersResponse>) -> Outcome {
    let mut addresses = Vec::new();
    while let Some(UsersResponse { response }) = pages.next().await {
        match response {
            Some(users::Response::Users(page)) => addresses.extend(page.users.into_iter().map(|user| user.address)),
            other => return Ok(format!("{other:?}")),
        }
    }
    Ok(format!("users {}", addresses.join(" ")).trim_end().into())
}

fn waiting(requests: Option<Requests>) -> String {
    let Requests { items, .. } = requests.unwrap_or_default();
    items.into_iter().map(request).collect::<Vec<_>>().join(", ")
}

fn in_words(FriendshipEventResponse { body }: FriendshipEventResponse) -> String {
    match body {
        Some(event::Body::Request(asked)) => format!("request {}", request(asked)),
        Some(event::Body::Accept(AcceptResponse { user })) => format!("accept {}", name(user)),
        Some(event::Body::Reject(RejectResponse { user })) => format!("reject {}", name(user)),
        Some(event::Body::Delete(DeleteResponse { user })) => format!("delete {}", name(user)),
        Some(event::Body::Cancel(CancelResponse { user })) => format!("cancel {}", name(user)),
        None => "nothing".into(),
    }
}

fn request(RequestResponse { user, message, .. }: RequestResponse) -> String {
    format!("{} {}", name(user), message.unwrap_or_default())
        .trim_end()
        .into()
}

fn name(user: Option<User>) -> String {
    user.unwrap_or_default().address
}
