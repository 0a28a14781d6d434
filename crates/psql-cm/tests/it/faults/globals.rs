//! Harm while the globals of a cluster are restored.

use psqlcm_engine::server::{Installation, ScratchCluster, ScratchOptions};
use psqlcm_testkit::{TestServer, unique};

use super::{At, Harm, Site, each_harm, exit_says};
use crate::tool::Tool;

/// A cluster that has none of what the tree has.
struct World {
    site: Site,
    cluster: ScratchCluster,
}

const RESTORE: [&str; 2] = ["restore", "--globals"];

impl World {
    fn new() -> Self {
        let installations = Installation::discover();
        let installation = installations.iter().find(|found| found.version.major == 15).unwrap();
        let cluster = ScratchCluster::start(installation, &ScratchOptions::default()).unwrap();
        let tool = Tool::new(&TestServer::new(15, cluster.socket_dir(), cluster.port()));
        let folder = cluster.socket_dir().join("space");
        let make = format!("COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; mkdir {}'", folder.display());
        tool.psql("postgres", &make);
        // There and different, so that a role is made to be looked at.
        tool.psql("postgres", "CREATE ROLE there LOGIN");
        tool.write(
            "cluster.sql",
            &format!(
                "CREATE ROLE there CREATEDB LOGIN;\nCREATE ROLE a;\nCREATE ROLE b LOGIN;\nCREATE TABLESPACE space LOCATION '{}';\n\
                 GRANT a TO b;\nALTER TABLESPACE space OWNER TO a;\nALTER ROLE a SET work_mem TO '1MB';\n",
                folder.display()
            ),
        );
        let site = Site {
            tool,
            template: "template0".to_owned(),
            databases: Vec::new(),
            jobs: "1",
            application: unique("faults_run"),
        };
        Self { site, cluster }
    }

    fn reset(&self) {
        let drop = "SET client_min_messages = warning; DROP TABLESPACE IF EXISTS space; DROP ROLE IF EXISTS a, b; ALTER ROLE there NOCREATEDB";
        self.site.tool.psql("postgres", drop);
        assert_eq!(self.state(), NOTHING, "{}", self.cluster.socket_dir().display());
    }

    fn state(&self) -> String {
        let sql = "SELECT (SELECT count(*) FROM pg_roles WHERE rolname !~ '^pg_'), (SELECT count(*) FROM pg_auth_members WHERE roleid > 16000),
            (SELECT count(*) FROM pg_db_role_setting), (SELECT string_agg(pg_get_userbyid(spcowner), ' ') FROM pg_tablespace WHERE oid > 16000)";
        self.site.tool.psql("postgres", sql)
    }
}

const NOTHING: &str = "2|0|0|";
const TABLESPACE_ALONE: &str = "2|0|0|postgres";
const ALL: &str = "4|1|1|a";

fn check(world: &World, n: usize, harm: &Harm) -> bool {
    world.reset();
    let words = [&RESTORE[..], &["--alter-existing"]].concat();
    let Some(ran) = world.site.harmed(&words, At::Message(n), harm) else { return false };
    world.site.settle();
    let state = world.state();
    let said = format!("{state}: {}\n{}{}", ran.code, ran.stdout, ran.stderr);
    match harm {
        Harm::Kill(_) => assert!([NOTHING, TABLESPACE_ALONE, ALL].contains(&state.as_str()), "{said}"),
        _ => {
            assert!([NOTHING, ALL].contains(&state.as_str()), "{said}");
            exit_says(&ran, harm, usize::from(state == ALL), 1);
        }
    }
    let again = world.site.again(&words);
    assert_eq!((again.code, world.state().as_str()), (0, ALL), "{said}\n{}{}", again.stdout, again.stderr);
    let again = world.site.again(&RESTORE);
    assert!(
        again.code == 0 && again.stdout.contains("(cluster): unchanged"),
        "{}{}",
        again.stdout,
        again.stderr
    );
    true
}

#[test]
fn restore_of_globals() {
    each_harm("restore of globals", 1, World::new, check);
}
