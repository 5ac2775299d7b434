//! The gRPC services: from messages to commands, and from answers to messages.

pub mod catalogue;
pub mod event_log;
pub mod execute;
pub mod inventory;
pub mod origin;
pub mod page;
pub mod parking;
pub mod sale;
pub mod tables;
pub mod upload;
