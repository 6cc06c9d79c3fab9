//! What counts as a change of the files: their content, and nothing else.

use super::*;

#[test]
fn only_content_counts_of_the_file_and_of_those_that_it_names() {
    let directory = directory();
    let put = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    let text = broker_file(BASIC);
    put("config.yaml", &text);
    let source = Source::new(directory.path().join("config.yaml"));
    let mut last = source.look();
    put("config.yaml", &text);
    put("text", "nobody names this one");
    assert_eq!(source.look(), last);
    let mut differs = |what: &str| {
        let now = source.look();
        assert_ne!(now, last, "{what}");
        assert_eq!(source.look(), now, "{what} stands still");
        last = now;
    };
    put("password", "another one");
    differs("a password");
    std::fs::remove_file(directory.path().join("password")).unwrap();
    differs("no password");
    put("config.yaml", &text.replace(BASIC, "  auth: { bearer: { tokenFile: password } }\n  caFile: ca\n"));
    differs("another text");
    put("ca", "");
    differs("a file that is there at last");
    put("config.yaml", "tenancy: [");
    differs("a text that is cut");
    std::fs::remove_file(directory.path().join("config.yaml")).unwrap();
    differs("no file");
    std::fs::create_dir(directory.path().join("config.yaml")).unwrap();
    differs("a directory");
}

#[test]
fn every_file_that_is_read_with_the_configuration_is_looked_at() {
    let directory = directory();
    let text = "tenancy: []
broker:
  url: https://broker.example.com
  auth: { clientCertificate: { certificateFile: a, keyFile: b }, bearer: { tokenFile: c }, basic: { username: u, passwordFile: d } }
  caFile: e
microsoft: { caFile: f }
metrics: { tls: { certificateFile: g, keyFile: h }, clientCaFile: i, bearerTokenFile: j }
";
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    let source = Source::new(path);
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        let before = source.look();
        std::fs::write(directory.path().join(name), name).unwrap();
        assert_ne!(source.look(), before, "{name}");
    }
}

/// As the kubelet changes a mounted volume: the files are links through `..data`, which is replaced.
#[test]
fn the_swap_of_a_link_is_seen() {
    use std::os::unix::fs::symlink;
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    for (version, text) in [("..1", "tenancy: []"), ("..2", "tenancy: []\ntiming: {}")] {
        std::fs::create_dir(at(version)).unwrap();
        std::fs::write(at(version).join("config.yaml"), text).unwrap();
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/config.yaml", at("config.yaml")).unwrap();
    let source = Source::new(at("config.yaml"));
    let before = source.look();
    symlink("..2", at("..data_tmp")).unwrap();
    std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
    std::fs::remove_dir_all(at("..1")).unwrap();
    assert_ne!(source.look(), before);
}
