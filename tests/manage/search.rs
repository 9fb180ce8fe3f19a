//! Finding repositories and files: `wharf search`, `wharf repos --filter`, `wharf files`.

use axum::extract::Request;
use axum::http::StatusCode;

use crate::support::image::Recipe;
use crate::support::wharf::{Home, Registry};

/// A registry with `/v1/search` and without a catalog; its address.
async fn searchable(answer: &'static str) -> String {
    let router = axum::Router::new().fallback(move |request: Request| async move {
        match request.uri().path_and_query().map(|path| path.as_str()) {
            Some("/v1/search?q=web+server&n=2") => (StatusCode::OK, answer),
            _ => (StatusCode::NOT_FOUND, ""),
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_searched_in_its_list_or_by_its_own_search() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let image = Recipe::layers(&[500]).write(&home.path("made"), "1").unwrap();
    for repository in ["team-a/api", "team-a/web", "team-b/api", "tools/apidoc"] {
        image.push(&registry.host(), repository, &["1"]).await;
    }
    let host = registry.host();
    let search = |words: &'static [&'static str], host: String| {
        let home = &home;
        async move { home.run(&[&["search"], words, &["--registry", &host]].concat()).await }
    };
    let listed = search(&["TEAM", "api"], host.clone()).await;
    assert_eq!(listed.stdout, format!("{host}/team-a/api\n{host}/team-b/api\n"), "{listed}");
    let listed = search(&["a", "-n", "1"], host.clone()).await;
    assert_eq!(listed.stdout.lines().count(), 1, "{listed}");
    let nothing = search(&["nonsense"], host.clone()).await;
    assert_eq!((nothing.code, nothing.stderr.as_str()), (Some(0), "note: nothing was found\n"), "{nothing}");
    home.ok(&["copy", &format!("{host}/team-a/api:1"), "store:kept/api:1"]).await;
    assert_eq!(search(&["api"], "store:".to_owned()).await.stdout, "store:kept/api\n");
    // Patterns.
    for (pattern, want) in [
        ("team-?/api", "team-a/api\nteam-b/api\n"),
        ("*/api*", "team-a/api\nteam-b/api\ntools/apidoc\n"),
        ("tolsdoc", "tools/apidoc\n"),
        ("nonsense", ""),
    ] {
        assert_eq!(home.ok(&["repos", &host, "--filter", pattern]).await.stdout, want, "{pattern}");
    }
    // No list, but a search: escapes in what it says are not shown.
    let found = r#"{"results":[{"name":"nginx","description":"\u001b[31mweb","star_count":7,"is_official":true},
        {"name":"x/\u001b[2J","description":""},{"name":"httpd","description":"","star_count":3}]}"#;
    let other = searchable(found).await;
    let shown = search(&["web", "server", "-n", "2"], other.clone()).await;
    assert_eq!(shown.code, Some(0), "{shown}");
    assert!(
        shown.stdout.contains(&format!("{other}/nginx")) && shown.stdout.contains("7  official  [31mweb"),
        "{shown}"
    );
    assert!(!shown.stdout.contains('\u{1b}') && shown.stdout.contains("/httpd"), "{shown}");
    let json =
        home.ok(&["search", "web server", "-n", "2", "--registry", &other, "--output", "json"]).await.json();
    assert_eq!(json["repositories"][0]["name"], format!("{other}/nginx"), "{json}");
    // Neither.
    let neither = search(&["other"], other).await;
    let (error, hint) = neither.failed(2);
    assert!(
        error.contains("does not list its repositories") && error.ends_with("and it has no search"),
        "{neither}"
    );
    assert!(hint.contains("name a repository"), "{neither}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exported_files_are_listed_with_what_is_in_them() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let image = Recipe::layers(&[5_000]).write(&home.path("made"), "1").unwrap();
    image.push(&registry.host(), "team/api", &["1"]).await;
    let source = format!("{}/team/api:1", registry.host());
    let none = home.ok(&["files"]).await;
    assert!(none.stdout.is_empty() && none.stderr.contains("no image files"), "{none}");
    home.ok(&["export", &source, "-o", "downloads/api.tar"]).await;
    std::fs::write(home.path("downloads/other.tar"), "no tar at all").unwrap();
    let listed = home.ok(&["files", "--output", "json"]).await.json();
    let files = listed["files"].as_array().unwrap();
    let named = |name: &str| files.iter().find(|f| f["path"].as_str().unwrap().ends_with(name)).unwrap();
    let (api, other) = (named("api.tar"), named("other.tar"));
    assert_eq!((&api["images"][0], &api["sum"]), (&source.as_str().into(), &"unchecked".into()), "{api}");
    assert!(other["problem"].is_string() && other["sum"] == "none", "{other}");
    let shown = home.ok(&["files", "downloads", "--verify"]).await.stdout;
    let line = shown.lines().find(|line| line.starts_with("api.tar")).unwrap();
    assert!(line.contains("  right ") && line.ends_with(&source), "{shown}");
    // A byte of it is another one.
    let mut bytes = std::fs::read(home.path("downloads/api.tar")).unwrap();
    let last = bytes.len() - 2000;
    bytes[last] ^= 1;
    std::fs::write(home.path("downloads/api.tar"), bytes).unwrap();
    let wrong = home.run(&["files", "--verify"]).await;
    assert!(wrong.code == Some(1) && wrong.stdout.contains("WRONG"), "{wrong}");
}
