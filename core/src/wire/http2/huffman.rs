//! The Huffman code of header texts (RFC 7541, appendix B).
//!
//! The code is canonical: codes of one length follow each other in the order of their symbols, and
//! those of the next length after them. So the number of codes of each length and the symbols in
//! order say all.

use alloc::vec::Vec;

/// How many codes there are of each length in bits.
const COUNTS: [u16; 31] = [
    0, 0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19,
    29, 0, 4,
];

/// The symbols in the order of their codes. 256 stands for the end of a text.
const SYMBOLS: [u16; 257] = [
    48, 49, 50, 97, 99, 101, 105, 111, 115, 116, 32, 37, 45, 46, 47, 51, 52, 53, 54, 55, 56, 57,
    61, 65, 95, 98, 100, 102, 103, 104, 108, 109, 110, 112, 114, 117, 58, 66, 67, 68, 69, 70, 71,
    72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 89, 106, 107, 113, 118, 119,
    120, 121, 122, 38, 42, 44, 59, 88, 90, 33, 34, 40, 41, 63, 39, 43, 124, 35, 62, 0, 36, 64, 91,
    93, 126, 94, 125, 60, 96, 123, 92, 195, 208, 128, 130, 131, 162, 184, 194, 224, 226, 153, 161,
    167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230, 129, 132, 133, 134, 136, 146, 154, 156,
    160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233, 1,
    135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174,
    175, 180, 182, 183, 188, 191, 197, 231, 239, 9, 142, 144, 145, 148, 159, 171, 206, 215, 225,
    236, 237, 199, 207, 234, 235, 192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242,
    243, 255, 203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252,
    253, 254, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28,
    29, 30, 31, 127, 220, 249, 10, 13, 22, 256,
];

/// Decodes a text; `None` if it is none.
pub(super) fn decode(bytes: &[u8], max: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut code, mut length, mut first, mut index) = (0_u32, 0_usize, 0_u32, 0_u32);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)) {
        code = code << 1 | u32::from(bit);
        length += 1;
        let count = u32::from(*COUNTS.get(length)?);
        first <<= 1;
        if code - first < count {
            let symbol = SYMBOLS[(index + code - first) as usize];
            if out.len() == max {
                return None;
            }
            out.push(u8::try_from(symbol).ok()?);
            (code, length, first, index) = (0, 0, 0, 0);
        } else {
            index += count;
            first += count;
        }
    }
    // What is left of the last byte are the first bits of the end's code, which are all ones.
    (length < 8 && code == (1 << length) - 1).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_standard_are_read() {
        let text = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(decode(&text, 100).as_deref(), Some(&b"www.example.com"[..]));
        let text = [0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];
        assert_eq!(decode(&text, 100).as_deref(), Some(&b"no-cache"[..]));
        assert_eq!(decode(&text, 7), None, "too long");
        assert_eq!(decode(&[], 0).as_deref(), Some(&b""[..]));
        assert_eq!(decode(&[0xff], 9), None, "a whole byte of padding");
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0xff], 9), None, "the end itself");
        assert_eq!(decode(&[0x00], 9), None, "padding of zeros");
    }
}
