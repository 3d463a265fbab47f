--- Reports parsed and checked for their structure, one call from Lua for each.

local support = require "support"

local spec = debug.getinfo(1, "S").source:match "^@(.*)/bench/[^/]*$" or "spec"
package.path = ("%s;%s/?.lua"):format(package.path, spec)
package.loaded.support = support -- not the folder of the specs
local bytes = require "support.snp_bytes"
local report = require "kavach.report"
local snp = require "kavach.snp"

local REPORTS <const>, COUNT <const> = 64, 400000

local function rates(runs, reports, step)
  local values = {}
  for run = 0, runs do
    local begun = os.clock()
    for i = 1, COUNT do step(reports[i % REPORTS + 1]) end
    values[run] = COUNT / (os.clock() - begun) / 1e6
  end
  values[0] = nil -- the first does not count
  return values
end

return function(runs)
  local reports = {}
  for i = 1, REPORTS do
    reports[i] = bytes.report(2 + i % 4)
    assert(#assert(snp.report_check(reports[i])) == 0)
  end
  return { {
    what = "parse and check a report, in one call from Lua", unit = "M/s", version = "no peer",
    ours = rates(runs, reports, snp.report_check), at_least = 1,
    parts = { { what = "report.parse: all fields as Lua values", unit = "M/s",
      values = rates(runs, reports, report.parse) } },
  } }
end
