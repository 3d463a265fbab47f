-- sort in a comparator of a sort.
-- why: stack overflow

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local function compare() table.sort({ 2, 1 }, compare) end
  compare()
  return true
end)
