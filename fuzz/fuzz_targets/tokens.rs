//! What a caller says who he is: any header, and tokens with the right signature around any header and any claims.
#![no_main]

use std::{cell::LazyCell, collections::HashMap, fs};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use daybook_chassis::access::{Access, Policy};
use daybook_fuzz::choice;
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
use libfuzzer_sys::fuzz_target;

const SECRET: &[u8] = b"a secret of thirty-two bytes or more";

const FILE: &str = "[tokens]
issuers = [\"id\"]
audience = \"daybook\"
[[tokens.keys]]
id = \"shared\"
algorithm = \"HS256\"
file = \"secret\"
[[keys]]
id = \"job\"
sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"
scopes = [\"sales:write\"]
expires_at = \"2100-01-01T00:00:00Z\"
";

thread_local! {
    static ACCESS: LazyCell<Access> = LazyCell::new(|| {
        let directory = tempfile::tempdir().expect("a directory can be made");
        fs::write(directory.path().join("secret"), SECRET).expect("a file can be written");
        let file = directory.path().join("access.toml");
        fs::write(&file, FILE).expect("a file can be written");
        let policy =
            Policy { methods: HashMap::new(), scopes: &["sales:write"], whole: &[], kinds: &["stores", "suppliers"] };
        Access::open(&file, policy).expect("the file is right")
    });
}

fuzz_target!(|data: &[u8]| {
    let Some((how, bytes)) = choice(data) else { return };
    ACCESS.with(|access| match how % 3 {
        0 => drop(access.recognize(Some(bytes))),
        1 => {
            let known = access.recognize(Some(&[b"Bearer ", bytes].concat()));
            assert!(known.is_err(), "nobody knows the secret");
        }
        // A zero byte separates the token's header from its claims.
        _ => {
            let (header, claims) = bytes.split_at(bytes.iter().position(|byte| *byte == 0).unwrap_or(0));
            let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims.get(1..).unwrap_or_default()));
            let key = EncodingKey::from_secret(SECRET);
            let signature = sign(signed.as_bytes(), &key, Algorithm::HS256).expect("it can be signed");
            if let Ok(caller) = access.recognize(Some(format!("Bearer {signed}.{signature}").as_bytes())) {
                assert!(!caller.identity().key_id.is_empty());
                drop(caller.speaks_for(&[("stores", "443"), ("suppliers", "69")]));
            }
        }
    });
});
