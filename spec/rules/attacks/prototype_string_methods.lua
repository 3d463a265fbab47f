-- A method of texts replaced, by way of the library.
-- why: string is read-only

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  string.starts_with = function() return true end
  return ("a"):starts_with("b")
end)
