-- A __close that hides the end of the memory behind an error of its own.
-- why: budget of

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  pcall(function()
    local _ <close> = setmetatable({}, { __close = function() error "mine" end })
    local t = {}
    for i = 1, math.huge do t[i] = { i, i, i, i, i, i, i, i } end
  end)
  return true
end)
