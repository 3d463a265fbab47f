-- A __close that runs while pcall unwinds, and returns as if all were well.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  pcall(function()
    local _ <close> = setmetatable({}, { __close = function() return true end })
    while true do end
  end)
  return true
end)
