-- require.
-- why: there is no 'require' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return require ~= nil
end)
