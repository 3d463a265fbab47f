-- For laptops and CI, where there is no such processor: evidence of a platform emulator that is
-- trusted (--emulator DIR) is allowed, beside that of the lab's own hosts (--data lab=FILE, chip
-- ids). All else is as in production. Never give it to a machine with secrets.
policy "development"
version "1"
description "NOT for production: a platform emulator is allowed"

expect {
  simulated = "allowed",
  vmpl = { max = 0 },
  guest_policy = { debug_allowed = false, migration_agent_allowed = false },
  report_data = "nonce",
}

any_of "a platform for development" {
  rule "an emulator" (function(e) return e.simulated end),
  rule "a host of the lab" (function(e) return data.lab[e.report.chip_id] == true end),
}
