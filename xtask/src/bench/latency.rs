//! A server that is far away: a socket whose bytes arrive some time after they were sent, both ways.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::shell::{Error, io};

/// Forwards connections from a socket in `folder` to the server's; a question and its answer take `round_trip` more.
/// It goes on until this process ends.
pub fn forward(folder: &Path, server: PathBuf, round_trip: Duration) -> Result<(), Error> {
    let socket = folder.join(server.file_name().unwrap_or_default());
    let listener = UnixListener::bind(&socket).map_err(io(format!("listen on {}", socket.display())))?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A connection that cannot be forwarded is one that the client finds closed.
            if let Ok(server) = UnixStream::connect(&server) {
                let both = client.try_clone().and_then(|from| Ok((from, server.try_clone()?)));
                if let Ok((from_client, from_server)) = both {
                    late(from_client, server, round_trip / 2);
                    late(from_server, client, round_trip / 2);
                }
            }
        }
    });
    Ok(())
}

/// Passes on what comes in, so much later.
fn late(mut from: UnixStream, mut to: UnixStream, delay: Duration) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut bytes = vec![0; 65_536];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if sender.send((Instant::now() + delay, bytes[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        // The other end may be gone already.
        let _ = to.shutdown(Shutdown::Write);
    });
}
