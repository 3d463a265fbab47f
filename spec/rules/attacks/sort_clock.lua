-- A list that is hard for quicksort: Lua's own asks the clock where to split it.
-- why: compared 3759 times

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local size <const>, open <const> = 300, 1e9
  local list, value, solid, candidate, compared = {}, {}, 0, 1, 0
  for i = 1, size do list[i], value[i] = i, open end
  table.sort(list, function(a, b)
    compared = compared + 1
    if value[a] == open and value[b] == open then
      solid = solid + 1
      value[a == candidate and a or b] = solid
    end
    if value[a] == open then candidate = a elseif value[b] == open then candidate = b end
    return value[a] < value[b]
  end)
  error(("compared %d times"):format(compared), 0)
end)
