//! The files of a pod's volumes, written as a kubelet writes them: all of a volume at once, by one symbolic link that
//! moves.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::Api;
use kube::api::{DynamicObject, PostParams};

use super::Ground;
use super::image::Inside;
use super::pod::{Keys, PodSpec, Source, Token, Volume};

/// Files by name.
type Files = BTreeMap<String, Vec<u8>>;
/// Where the files of a volume really are; the name of a kubelet.
const DATA: &str = "..data";

/// The volumes of one pod.
pub(super) struct Volumes<'a> {
    pub(super) ground: &'a Ground,
    pub(super) pod: &'a DynamicObject,
    pub(super) spec: &'a PodSpec,
    pub(super) inside: &'a Inside,
}

impl Volumes<'_> {
    /// Writes what has changed since last time, and everything at first. `written` is what this left behind last time.
    pub(super) async fn write(&self, written: &mut BTreeMap<String, Files>) -> Result<(), String> {
        for mount in &self.spec.container().volume_mounts {
            let volume = self.spec.volumes.iter().find(|volume| volume.name == mount.name);
            let volume = volume.ok_or_else(|| format!("there is no volume {}", mount.name))?;
            let before = written.get(&mount.name);
            let (files, mode) = self.files(volume, before).await?;
            if before != Some(&files) {
                replace(&self.inside.path(&mount.path), &files, mode)
                    .map_err(|error| format!("cannot write the volume {}: {error}", mount.name))?;
                written.insert(mount.name.clone(), files);
            }
        }
        Ok(())
    }

    async fn files(&self, volume: &Volume, before: Option<&Files>) -> Result<(Files, u32), String> {
        match volume {
            Volume { config_map: Some(keys), .. } => {
                Ok((self.of_config_map(keys).await?, keys.default_mode.unwrap_or(0o644)))
            }
            Volume { secret: Some(secret), .. } => {
                Ok((self.of_secret(&secret.secret_name).await?, secret.default_mode))
            }
            Volume { projected: Some(projected), .. } => {
                let mut files = Files::new();
                for source in &projected.sources {
                    files.extend(self.of_source(source, before).await?);
                }
                Ok((files, projected.default_mode))
            }
            Volume { empty_dir: Some(options), .. } if options.is_empty() => Ok((Files::new(), 0o644)),
            _ => Err(format!("not on the node for tests: the volume {}", volume.name)),
        }
    }

    async fn of_source(&self, source: &Source, before: Option<&Files>) -> Result<Files, String> {
        match source {
            Source::ServiceAccountToken(token) => {
                let known = before.and_then(|files| files.get(&token.path)).cloned();
                let text = match known {
                    Some(text) => text,
                    None => self.token(token).await?.into_bytes(),
                };
                Ok(Files::from([(token.path.clone(), text)]))
            }
            Source::ConfigMap(keys) => self.of_config_map(keys).await,
            Source::DownwardAPI(downward) => {
                let file = |(path, value): (&String, Option<String>)| {
                    let value = value.ok_or_else(|| format!("not on the node for tests: the file {path}"))?;
                    Ok((path.clone(), value.into_bytes()))
                };
                let items = downward.items.iter();
                items.map(|item| file((&item.path, self.field(&item.field_ref.field_path)))).collect()
            }
        }
    }

    /// A part of the pod, by its path.
    pub(super) fn field(&self, path: &str) -> Option<String> {
        match path {
            "metadata.name" => self.pod.metadata.name.clone(),
            "metadata.namespace" => self.pod.metadata.namespace.clone(),
            "metadata.uid" => self.pod.metadata.uid.clone(),
            "spec.nodeName" => Some(super::NAME.to_owned()),
            "spec.serviceAccountName" => Some(self.spec.service_account_name.clone()),
            "status.podIP" => Some(self.inside.address().to_string()),
            _ => None,
        }
    }

    fn namespace(&self) -> &str {
        self.pod.metadata.namespace.as_deref().unwrap()
    }

    async fn of_config_map(&self, keys: &Keys) -> Result<Files, String> {
        let maps: Api<ConfigMap> = Api::namespaced(self.ground.client.clone(), self.namespace());
        let map = maps.get(&keys.name).await.map_err(|error| format!("ConfigMap {}: {error}", keys.name))?;
        let texts = map.data.unwrap_or_default().into_iter();
        let mut all: Files =
            texts.map(|(name, text)| (name.clone(), self.inside.file(&name, &text).into_bytes())).collect();
        all.extend(bytes(map.binary_data));
        let Some(items) = &keys.items else { return Ok(all) };
        let missing = |key| format!("ConfigMap {} has no key {key}", keys.name);
        let file = |key, path: &String| Ok((path.clone(), all.get(key).ok_or_else(|| missing(key))?.clone()));
        items.iter().map(|item| file(&item.key, &item.path)).collect()
    }

    async fn of_secret(&self, name: &str) -> Result<Files, String> {
        let secrets: Api<Secret> = Api::namespaced(self.ground.client.clone(), self.namespace());
        let secret = secrets.get(name).await.map_err(|error| format!("Secret {name}: {error}"))?;
        Ok(bytes(secret.data))
    }

    /// A token for the pod's ServiceAccount that ends with the pod.
    async fn token(&self, wanted: &Token) -> Result<String, String> {
        let (name, metadata) = (&self.spec.service_account_name, &self.pod.metadata);
        let pod = BoundObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            name: metadata.name.clone(),
            uid: metadata.uid.clone(),
        };
        let spec = TokenRequestSpec {
            audiences: wanted.audience.clone().into_iter().collect(),
            bound_object_ref: Some(pod),
            expiration_seconds: Some(wanted.expiration_seconds),
        };
        let accounts: Api<ServiceAccount> = Api::namespaced(self.ground.client.clone(), self.namespace());
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let granted = accounts.create_token_request(name, &PostParams::default(), &request).await;
        let granted = granted.map_err(|error| format!("a token for {name}: {error}"))?;
        Ok(granted.status.map(|status| status.token).unwrap_or_default())
    }
}

fn bytes(data: Option<BTreeMap<String, ByteString>>) -> Files {
    data.unwrap_or_default().into_iter().map(|(name, ByteString(bytes))| (name, bytes)).collect()
}

/// Puts these files, and no others, into the volume at `volume`, in one step.
fn replace(volume: &Path, files: &Files, mode: u32) -> io::Result<()> {
    fs::create_dir_all(volume)?;
    let version = format!("..{}", uuid::Uuid::new_v4().simple());
    fs::create_dir(volume.join(&version))?;
    for (name, content) in files {
        let file = volume.join(&version).join(name);
        fs::write(&file, content)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
    }
    let (link, next) = (volume.join(DATA), volume.join("..next"));
    let before = fs::read_link(&link).ok();
    symlink(&version, &next)?;
    fs::rename(&next, &link)?;
    for name in files.keys().filter(|name| !volume.join(name).is_symlink()) {
        symlink(Path::new(DATA).join(name), volume.join(name))?;
    }
    for entry in fs::read_dir(volume)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") && entry.file_type()?.is_symlink() && !files.contains_key(&name) {
            fs::remove_file(entry.path())?;
        }
    }
    before.map_or(Ok(()), |old| fs::remove_dir_all(volume.join(old)))
}
