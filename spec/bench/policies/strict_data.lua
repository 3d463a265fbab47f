-- The same, and an allow-list of measurements.

policy "strict with data"

include "strict"

rule "released" (function(e) return data.released[e.report.measurement] ~= nil end)
