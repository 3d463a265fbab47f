-- string.dump, whose output is bytecode.
-- why: there is no 'dump' in string

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return string.dump(function() end) ~= nil
end)
