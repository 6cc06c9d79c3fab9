//! Resources in few bytes: their JSON, compressed against what others of them look like.
//!
//! Resources resemble one another: most of a status are words of the operator's own. So each is compressed with a
//! dictionary, which is made of those before it that it did not help with.

use std::sync::Arc;

use super::object::Object;

/// A dictionary is searched as a whole for each resource, and there are not many kinds of them.
const LONGEST_DICTIONARY: usize = 8 * 1024;
/// Bytes of a resource that no other one has: its name, ids and times.
const ITS_OWN: usize = 200;

/// Packs resources.
#[derive(Debug, Default)]
pub(super) struct Packer {
    dictionary: Arc<Vec<u8>>,
}

/// A resource in few bytes.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    bytes: Box<[u8]>,
    dictionary: Arc<Vec<u8>>,
}

impl Packer {
    /// Packs one resource.
    pub(super) fn pack(&mut self, object: &Object) -> Packed {
        // An object that was read from JSON can be written as JSON.
        let text = serde_json::to_vec(object).unwrap_or_default();
        let packed = Packed::of(&text, &self.dictionary);
        if packed.bytes.len() > text.len() / 16 + ITS_OWN && self.dictionary.len() + text.len() <= LONGEST_DICTIONARY {
            // What was packed before keeps the dictionary that it was packed with.
            self.dictionary = Arc::new([self.dictionary.as_slice(), &text].concat());
        }
        packed
    }
}

impl Packed {
    fn of(text: &[u8], dictionary: &Arc<Vec<u8>>) -> Self {
        let bytes = lz4_flex::block::compress_prepend_size_with_dict(text, dictionary);
        Self { bytes: bytes.into(), dictionary: Arc::clone(dictionary) }
    }

    /// The resource.
    pub(super) fn unpack(&self) -> Option<Object> {
        let text = lz4_flex::block::decompress_size_prepended_with_dict(&self.bytes, &self.dictionary).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(number: usize, is_reported: bool) -> Object {
        let id = |kind: &str| uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, format!("{kind}{number}").as_bytes());
        let conditions: Vec<Value> = ["Ready", "Reconciling", "Stalled", "Eligible", "ServiceOn", "RegionPinned"]
            .iter()
            .map(|kind| {
                json!({
                    "type": kind, "status": "True", "reason": "Enabled", "observedGeneration": 1,
                    "lastTransitionTime": "2026-01-02T03:04:05Z",
                    "message": format!("{kind}: the broker claims that the service is on, and its data are in the EU"),
                })
            })
            .collect();
        let status = json!({"observedGeneration": 1, "conditions": conditions});
        serde_json::from_value(json!({
            "metadata": {
                "namespace": "team", "name": format!("tenant-{number}"), "uid": id("uid").to_string(),
                "resourceVersion": number.to_string(), "creationTimestamp": "2026-01-02T03:04:05Z",
            },
            "spec": {"tenantId": id("tenant").to_string(), "unheard": ["of", "Ünïcode", number]},
            "status": if is_reported { status } else { Value::Null },
        }))
        .unwrap()
    }

    #[test]
    fn what_goes_in_comes_out_whatever_came_between() {
        let mut packer = Packer::default();
        let objects: Vec<Object> = (0..40).map(|number| object(number, number % 3 == 0)).collect();
        let all: Vec<Packed> = objects.iter().map(|object| packer.pack(object)).collect();
        let unpacked: Vec<Object> = all.iter().filter_map(Packed::unpack).collect();
        assert_eq!(unpacked, objects);
    }

    #[test]
    fn those_that_resemble_others_take_little_room_and_the_dictionary_stops_growing() {
        let mut packer = Packer::default();
        let (mut text, mut room) = (0, 0);
        for number in 0..100 {
            let object = object(number, true);
            text += serde_json::to_vec(&object).unwrap().len();
            room += packer.pack(&object).bytes.len();
        }
        assert!(room * 5 < text, "{room} of {text} bytes");
        let before = Arc::clone(&packer.dictionary);
        packer.pack(&object(100, true));
        assert!(Arc::ptr_eq(&before, &packer.dictionary) && before.len() <= LONGEST_DICTIONARY);
    }

    #[test]
    fn one_that_is_larger_than_any_dictionary_is_packed_as_well() {
        let mut large = object(1, false);
        large.spec =
            json!({"tenantId": "t", "notes": (0..40_000).map(|number| number.to_string()).collect::<String>()});
        let mut packer = Packer::default();
        assert_eq!(packer.pack(&large).unpack(), Some(large));
    }
}
