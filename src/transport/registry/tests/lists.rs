//! Tags, catalogs and referrers.

use super::*;
use crate::oci::{ErrorClass, media_type};

async fn collect(
    mut pages: futures_util::stream::BoxStream<'static, Result<Vec<String>>>,
) -> Result<Vec<Vec<String>>> {
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        all.push(page?);
    }
    Ok(all)
}

#[tokio::test]
async fn tags_come_in_pages_with_nulls_and_odd_names_left_out() {
    let server = Server::start(|seen| {
        let host = seen.header("host").unwrap();
        match seen.path.as_str() {
            "/v2/a/b/tags/list?n=1000" => reply(200)
                .with("link", "</v2/a/b/tags/list?n=2&last=b>; rel=\"next\"")
                .body(r#"{"tags":["a",null,"b","\u001b[31m"]}"#),
            "/v2/a/b/tags/list?n=2&last=b" => reply(200)
                .with("link", format!("<http://{host}/v2/a/b/tags/list?n=2&last=c>; rel=\"next\""))
                .body(r#"{"tags":["c"]}"#),
            "/v2/a/b/tags/list?n=2&last=c" => reply(200).body(r#"{"name":"a/b","tags":null}"#),
            "/v2/loop/tags/list?n=1000" => {
                reply(200).with("link", "<?n=1000>; rel=next").body(r#"{"tags":["a"]}"#)
            }
            _ => coded(404, "NAME_UNKNOWN"),
        }
    })
    .await;
    let client = Client::new(ClientOptions::default());
    let tags = |name: &str| collect(client.tags(&server.registry(), &repository(name)));
    assert_eq!(tags("a/b").await.unwrap(), [vec!["a", "b"], vec!["c"], vec![]]);
    assert!(tags("loop").await.unwrap_err().to_string().contains("does not end"));
    let error = tags("none").await.unwrap_err();
    let want = format!("list tags {}/none: 404 NAME_UNKNOWN: said so", server.registry());
    assert_eq!((error.to_string(), error.class()), (want, ErrorClass::NotFound));
}

#[tokio::test]
async fn a_catalog_may_be_absent_but_a_wrong_password_is_not_that() {
    for (answer, absent) in [
        (coded(404, "UNSUPPORTED"), Some(false)),
        (reply(405), Some(false)),
        (coded(401, "DENIED"), None),
        (reply(403), None),
    ] {
        let answer = Mutex::new(Some(answer));
        let server = Server::start(move |_| answer.lock().unwrap().take().unwrap_or(reply(500))).await;
        let client = Client::new(ClientOptions { attempts: 1, ..ClientOptions::default() });
        let error = collect(client.repositories(&server.registry())).await.unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains("does not list its repositories"), "{error}");
        assert_eq!(client.profile(&server.registry()).catalog, absent);
    }
    let basic = Server::start(|_| coded(401, "UNAUTHORIZED").with("www-authenticate", "Basic realm=x")).await;
    let client = Client::new(ClientOptions { credentials: password("wrong"), ..ClientOptions::default() });
    assert_eq!(collect(client.repositories(&basic.registry())).await.unwrap_err().class(), ErrorClass::Auth);
    let open = Server::start(|_| reply(200).body(r#"{"repositories":["a/b","c"]}"#)).await;
    assert_eq!(collect(client.repositories(&open.registry())).await.unwrap(), [["a/b", "c"]]);
    assert_eq!(client.profile(&open.registry()).catalog, Some(true));
}

#[tokio::test]
async fn referrers_come_from_the_api_or_from_the_tag() {
    let subject = Digest::of(b"subject");
    let entry = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"{}","digest":"{}","size":3,"artifactType":"sig"}}]}}"#,
        media_type::OCI_INDEX,
        media_type::OCI_MANIFEST,
        Digest::of(b"sig"),
    );
    for api in [true, false] {
        let (entry, path) =
            (entry.clone(), format!("/v2/a/b/manifests/{}", subject.as_str().replace(':', "-")));
        let server = Server::start(move |seen| match (seen.path.contains("/referrers/"), api) {
            (true, true) => reply(200).with("content-type", media_type::OCI_INDEX).body(entry.clone()),
            (true, false) => reply(404),
            _ if seen.path == path => {
                reply(200).with("content-type", media_type::OCI_INDEX).body(entry.clone())
            }
            _ => reply(404),
        })
        .await;
        let (client, repository) = client_of(&server);
        let found = repository.referrers(&subject).await.unwrap();
        assert_eq!(found.iter().map(|d| d.artifact_type.as_deref()).collect::<Vec<_>>(), [Some("sig")]);
        assert_eq!(client.profile(&server.registry()).referrers, Some(api));
        assert_eq!(repository.referrers(&Digest::of(b"other")).await.unwrap().len(), usize::from(api));
    }
}

#[tokio::test]
async fn a_list_of_referrers_that_cannot_be_read_is_no_empty_list() {
    for (kind, body, fails) in [
        (media_type::OCI_INDEX, r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:zz","size":1}]}"#, true),
        (media_type::OCI_INDEX, "<html>", true),
        // Somebody's image with such a tag.
        (
            media_type::OCI_MANIFEST,
            &format!(
                r#"{{"schemaVersion":2,"config":{{"mediaType":"x","digest":"{}","size":1}},"layers":[]}}"#,
                Digest::of(b"c")
            ),
            false,
        ),
    ] {
        let body = body.to_owned();
        let server = Server::start(move |seen| match seen.path.contains("/referrers/") {
            true => reply(404),
            false => reply(200).with("content-type", kind).body(body.clone()),
        })
        .await;
        let (_client, repository) = client_of(&server);
        match repository.referrers(&Digest::of(b"subject")).await {
            Ok(found) => assert!(!fails && found.is_empty(), "{found:?}"),
            Err(error) => assert!(fails && error.to_string().contains("list of referrers"), "{error}"),
        }
    }
}
