-- Only hosts that we own: chip ids from --data fleet=FILE, with what each is for:
--
--   { "9c41…": { "site": "fra1", "state": "active" }, … }
policy "fleet"
version "1"
description "hosts of the fleet that are active"

expect {
  signed_by = "vcek",
  vmpl = { max = 0 },
  guest_policy = { debug_allowed = false, migration_agent_allowed = false },
}

rule "the host is in the fleet" (function(e)
  return data.fleet[e.report.chip_id] ~= nil, "its chip id is not in the list"
end)

rule "the host is active" (function(e)
  local host = data.fleet[e.report.chip_id]
  return host ~= nil and host.state == "active", "drained, in repair, or unknown"
end)
