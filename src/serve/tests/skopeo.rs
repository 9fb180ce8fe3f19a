//! An independent client, both ways.

use std::process::Command;

use super::*;

fn skopeo(arguments: &[&str]) -> String {
    let ran = Command::new("skopeo").args(["--insecure-policy"]).args(arguments).output().unwrap();
    assert!(ran.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs skopeo"]
async fn skopeo_copies_in_and_out_and_reads_the_directory() {
    let bench = serve().await;
    let platform = |os: &str, architecture: &str| json!({"os": os, "architecture": architecture});
    let mut entries = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let diff = Digest::of(architecture.as_bytes());
        let config = json!({"architecture": architecture, "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [diff]}});
        let config = bench.push_blob("team/api", config.to_string().as_bytes()).await;
        let layer = bench.push_blob("team/api", architecture.as_bytes()).await;
        let config_size = bench.send(Method::HEAD, &format!("/v2/team/api/blobs/{config}"), "").await;
        let manifest = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "config": {"mediaType": media_type::OCI_CONFIG, "digest": config,
                "size": header(&config_size, "content-length").parse::<u64>().unwrap()},
            "layers": [{"mediaType": media_type::OCI_LAYER, "digest": layer, "size": 5}]});
        let digest = Digest::of(manifest.to_string().as_bytes());
        assert_eq!(
            bench.put_manifest("team/api", digest.as_str(), &manifest).await.status(),
            StatusCode::CREATED
        );
        entries.push(json!({"mediaType": media_type::OCI_MANIFEST, "digest": digest,
            "size": manifest.to_string().len(), "platform": platform("linux", architecture)}));
    }
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries});
    assert_eq!(bench.put_manifest("team/api", "v1", &index).await.status(), StatusCode::CREATED);
    let (addr, root) = (bench.addr, bench.dir.path().display());

    let from = format!("docker://{addr}/team/api:v1");
    let to = format!("docker://{addr}/other/copy:v2");
    let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    tokio::task::spawn_blocking({
        let layout = format!("oci:{root}/team/api/_image:v1");
        let (out, back) = (format!("oci:{root}/out:x"), format!("docker://{addr}/back:v3"));
        move || {
            skopeo(&["copy", "--all", "--preserve-digests", plain[0], plain[1], &from, &to]);
            skopeo(&["copy", "--all", "--preserve-digests", plain[0], &from, &out]);
            skopeo(&["copy", "--all", "--preserve-digests", plain[1], &out, &back]);
            assert!(skopeo(&["inspect", "--raw", &layout]).contains("arm64"));
            assert!(skopeo(&["inspect", "--override-arch=arm64", &layout]).contains("linux"));
        }
    })
    .await
    .unwrap();
    for path in ["other/copy/manifests/v2", "back/manifests/v3"] {
        assert_eq!(bytes(bench.get(&format!("/v2/{path}")).await).await, index.to_string(), "{path}");
    }
}
