-- pcall in pcall in pcall, a loop in the innermost.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local function dive(n)
    if n == 0 then while true do end end
    pcall(dive, n - 1)
    return true
  end
  return dive(100)
end)
