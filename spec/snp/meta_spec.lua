--- The annotations of the C module name what it has: no more, and no less.

local snp = require "kavach.snp"

local function annotated()
  local names = {}
  for _, file in ipairs { "snp", "snp_jobs" } do
    for line in io.lines(("lua/kavach/meta/%s.lua"):format(file)) do
      local name = line:match "^function snp%.([%w_]+)%(" or line:match "^%-%-%-@field ([A-Z_]+) "
      if name then names[#names + 1] = name end
    end
  end
  table.sort(names)
  return names
end

describe("the annotations of kavach.snp", function()
  it("name every member of the module, and none that it has not", function()
    local names = {}
    for name in pairs(snp) do names[#names + 1] = name end
    table.sort(names)
    assert.same(names, annotated())
  end)
end)
