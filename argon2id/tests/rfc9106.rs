//! The test vectors of RFC 9106 section 5.

use rollcall_argon2id::{Hashing, Inputs, Memory, Params, Progress, Variant};

/// The hash that section 5 asks for, made `slice` blocks at a time, in
/// hexadecimal.
fn hash(variant: Variant, slice: u32) -> String {
    let params = Params::new(32, 3, 4).unwrap();
    let inputs =
        Inputs { password: &[1; 32], salt: &[2; 16], secret: &[3; 8], associated_data: &[4; 12] };
    let mut memory = Memory::new();
    let mut hashing = Hashing::new(variant, params, &inputs, 32, &mut memory).unwrap();
    while hashing.advance(slice) != Progress::Ready {}
    let tag = hashing.finish();
    tag.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assert_tag(variant: Variant, tag: &str) {
    // Miri takes a minute for each.
    let slices: &[u32] = if cfg!(miri) { &[31] } else { &[1, 2, 3, 31, 1000, u32::MAX] };
    for &slice in slices {
        assert_eq!(hash(variant, slice), tag, "{slice} blocks at a time");
    }
}

#[test]
fn argon2d_gives_the_tag_of_section_5_1() {
    assert_tag(Variant::D, "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb");
}

#[test]
fn argon2i_gives_the_tag_of_section_5_2() {
    assert_tag(Variant::I, "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8");
}

#[test]
fn argon2id_gives_the_tag_of_section_5_3() {
    assert_tag(Variant::Id, "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
}
