//! The label that keeps the packets and streams of different clusters apart.

use alloc::vec::Vec;

use thiserror::Error;

use super::body::kind;

/// Why a packet or stream is not one of this cluster. The label is no secret and no protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LabelError {
    /// There is no label, but the cluster has one.
    #[error("label missing")]
    Missing,
    /// It is another cluster's label; or this cluster has none.
    #[error("label of another cluster")]
    Foreign,
    /// The label is empty, or the bytes end within it.
    #[error("label damaged")]
    Damaged,
}

/// Writes the label in front of everything else; nothing when it is empty.
pub(super) fn write_label(label: &[u8], out: &mut Vec<u8>) {
    if !label.is_empty() {
        out.push(kind::LABEL);
        out.push(u8::try_from(label.len()).expect("the settings bound labels to 255 bytes"));
        out.extend_from_slice(label);
    }
}

/// Returns the bytes that a label takes in a packet.
pub const fn label_bytes(label: &[u8]) -> usize {
    if label.is_empty() { 0 } else { 2 + label.len() }
}

/// Checks the label of complete bytes and returns what follows it.
pub(super) fn strip_label<'a>(label: &[u8], bytes: &'a [u8]) -> Result<&'a [u8], LabelError> {
    if bytes.first() != Some(&kind::LABEL) {
        return if label.is_empty() { Ok(bytes) } else { Err(LabelError::Missing) };
    }
    let len = bytes.get(1).map_or(0, |&len| usize::from(len));
    match bytes.get(2..2 + len) {
        None | Some([]) => Err(LabelError::Damaged),
        Some(found) if found == label => Ok(&bytes[2 + len..]),
        Some(_) => Err(LabelError::Foreign),
    }
}
