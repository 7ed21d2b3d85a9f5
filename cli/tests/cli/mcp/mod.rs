//! `sessionwire mcp`: the services as tools, over real pipes and sockets.

mod agi;
mod client;
mod ends;
mod http;
mod limits;
mod modern;
mod raccoon;
