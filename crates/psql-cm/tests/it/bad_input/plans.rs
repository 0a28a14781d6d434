//! Plans that are not written, and plans that do not fit.

use super::Scene;

const SQL: &str = "CREATE TABLE orders (id int, code text); CREATE TABLE customers (id int)";

/// A database under control, and a plan in `change.sql` that adds a column and a table.
fn scene() -> Scene {
    let scene = Scene::managed(SQL);
    let wanted = "CREATE TABLE orders (id int, code text, note text); CREATE TABLE customers (id int); CREATE TABLE returns (id int);";
    write(&scene, "wanted.sql", wanted);
    let ran = scene.run(&["plan", &live(&scene), "wanted.sql", "--no-verify", "-o", "change.sql"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    scene
}

fn live(scene: &Scene) -> String {
    format!("db:{}", scene.name())
}

fn write(scene: &Scene, name: &str, text: &str) {
    std::fs::write(scene.tool.folder().join(name), text).unwrap();
}

#[test]
fn plans_that_are_not_written() {
    let scene = scene();
    let live = live(&scene);
    write(&scene, "less.sql", "CREATE TABLE orders (id int);");
    scene.refuses("A plan that loses data", &["plan", &live, "less.sql"]);
    scene.refuses("SQL of a command that gives none", &["status", "--format", "sql"]);
    scene.refuses(
        "A plan into a folder that is not there",
        &["plan", &live, "wanted.sql", "--no-verify", "-o", "nowhere/change.sql"],
    );
}

#[test]
fn plans_that_do_not_fit() {
    let scene = scene();
    let submit = |title: &str, file: &str| scene.refuses(title, &["submit", "-c", file]);
    let text = std::fs::read_to_string(scene.tool.folder().join("change.sql")).unwrap();
    write(&scene, "newer.sql", &text.replace("-- psql-cm: plan 1\n", "-- psql-cm: plan 2\n"));
    submit("A plan of a newer form", "newer.sql");
    write(&scene, "headless.sql", &text.replace("-- psql-cm: allowed []\n", ""));
    submit("A plan that lacks a line of its head", "headless.sql");
    write(&scene, "edited.sql", &text.replace("\nCOMMIT;", "\n"));
    submit("A plan without its end", "edited.sql");
    scene.psql("ALTER TABLE customers ADD note text");
    submit("A plan for another state", "change.sql");
    scene.psql("ALTER TABLE customers DROP note");
    scene.psql("ALTER TABLE orders ADD note text; CREATE TABLE returns (id int)");
    submit("A plan that was done by hand", "change.sql");
    scene.psql("CREATE SCHEMA more");
    scene.ok(&["-s", "more", "setup"]);
    scene.refuses("A plan in several schemas", &["-m", "public,more", "submit", "-c", "change.sql"]);
}
