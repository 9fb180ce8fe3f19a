//! `/v1/search`, where there is one.

use super::*;
use crate::oci::ErrorClass;

fn options(registry: &str, server: &Server) -> ClientOptions {
    let url = Some(format!("http://{}", server.address));
    let own = RegistryOptions { url, ..RegistryOptions::new(registry.parse().unwrap()) };
    ClientOptions { registries: vec![own], attempts: 1, ..ClientOptions::default() }
}

#[tokio::test]
async fn the_hub_is_searched_and_odd_names_are_left_out() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/v1/search?q=web+s%26rver&n=25" => reply(200).body(
            r#"{"num_results":4,"results":[
              {"name":"nginx","description":"Official \u001b[31mbuild","star_count":20000,"is_official":true},
              {"name":"bitnami/nginx","description":null,"star_count":200,"is_official":false,"is_automated":true},
              {"name":"\u001b]0;evil","description":"x"},{"name":3},
              {"name":"odd"}]}"#,
        ),
        _ => reply(404),
    })
    .await;
    let hub: Registry = "docker.io".parse().unwrap();
    let client = Client::new(options("docker.io", &server));
    let found = client.search(&hub, "web s&rver", 25).await.unwrap();
    let names: Vec<_> = found.iter().map(|f| (f.repository.as_str(), f.stars, f.official)).collect();
    let want = [
        ("library/nginx", Some(20_000), true),
        ("bitnami/nginx", Some(200), false),
        ("library/odd", None, false),
    ];
    assert_eq!(names, want);
    assert_eq!(found[1].description, "");
    // Elsewhere names are as they are, and the number asked for holds.
    let own: Registry = server.address.to_string().parse().unwrap();
    let client = Client::new(ClientOptions { attempts: 1, ..ClientOptions::default() });
    let error = client.search(&own, "web s&rver", 1).await.unwrap_err();
    assert_eq!(
        (error.class(), error.to_string()),
        (ErrorClass::Config, format!("{own}: the registry has no search"))
    );
    let found = client.search(&own, "web s&rver", 25).await.unwrap();
    assert_eq!(found[0].repository.as_str(), "nginx");
}

#[tokio::test]
async fn a_registry_without_a_search_is_told_from_one_in_trouble() {
    for (answer, class) in [
        (reply(404), ErrorClass::Config),
        (reply(200).body("<html>welcome</html>"), ErrorClass::Config),
        (reply(200).body("{}"), ErrorClass::Config),
        (reply(503), ErrorClass::Network),
        (coded(401, "UNAUTHORIZED"), ErrorClass::Auth),
    ] {
        let answer = Mutex::new(Some(answer));
        let server = Server::start(move |_| answer.lock().unwrap().take().unwrap_or(reply(500))).await;
        let client = Client::new(ClientOptions { attempts: 1, ..ClientOptions::default() });
        assert_eq!(client.search(&server.registry(), "x", 5).await.unwrap_err().class(), class);
    }
}
