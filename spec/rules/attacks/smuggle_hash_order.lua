-- The order of a table's keys, which a seed decides: pairs has another.
-- why: it returned false

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local words, last = {}, ""
  for i = 1, 100 do words["k" .. i] = i end
  for word in pairs(words) do
    if word < last then return true end
    last = word
  end
  return false
end)
