-- __tostring that calls tostring.
-- why: stack overflow

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = setmetatable({}, { __tostring = function(self) return tostring(self) end })
  return tostring(t)
end)
