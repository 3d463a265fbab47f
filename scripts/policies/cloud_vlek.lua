-- A guest in a cloud whose hosts sign with a VLEK: it names the provider and no chip. Which account
-- a guest belongs to, only HOST_DATA or the launch digest can say. --data accounts=FILE:
--
--   { "HOST_DATA in hex": "production", … }
policy "VLEK in a cloud"
version "1"
description "of one provider, on its firmware of now, for accounts of ours"

expect {
  signed_by = "vlek",
  csp_id = { "CN=cloud.invalid", "CN=other-cloud.invalid" },
  crl = "required",
  vmpl = { max = 0 },
  guest_policy = { debug_allowed = false, migration_agent_allowed = false },
  tcb = { snp = { min = 22 } },
  report_data = "nonce",
}

rule "it is for an account of ours" (function(e)
  return data.accounts[e.report.host_data] == "production", "HOST_DATA is of no such account"
end)

-- Providers renew VLEKs; one that is about to end has not been.
rule "the VLEK is good for another week" (function(e)
  for _, certificate in ipairs(e.certificates) do
    if certificate.role == "vlek" then
      return certificate.not_after - e.now >= 7 * 24 * 3600, "it ends within a week"
    end
  end
  return false, "there is none"
end)
