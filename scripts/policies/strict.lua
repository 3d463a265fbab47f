-- What any production guest must show, whatever it runs. Include it from a policy of your own,
-- which adds what that guest is: measured_boot.lua does.
policy "strict baseline"
version "1"
description "genuine, fresh, no debug, no migration, firmware that is committed"

expect {
  genuine = true,
  simulated = "forbidden",
  vmpl = { max = 0 },
  guest_policy = { debug_allowed = false, migration_agent_allowed = false, cxl_allowed = false },
  platform = { unknown_bits = "forbidden" },
  provisional = "forbidden",
  report_data = "nonce",
}

-- A chip id of zeros is masked; with a VLEK it says nothing.
rule "the report names its chip, or its cloud" (function(e)
  if e.signed_by == "vlek" then
    return e.csp_id ~= nil, "no cloud provider"
  end
  for i = 1, #e.report.chip_id do
    if e.report.chip_id:sub(i, i) ~= "0" then
      return true
    end
  end
  return false, "the chip id is masked"
end)
