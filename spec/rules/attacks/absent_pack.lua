-- string.pack, by a method.
-- why: there is no 'pack' in string

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return ("i4"):pack(1) ~= nil
end)
