-- math.random: the decision would not be one.
-- why: there is no 'random' in math

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return math.random() < 2
end)
