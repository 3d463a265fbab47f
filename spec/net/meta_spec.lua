--- The annotations of the C module name what it has: no more, and no less.

local net = require "kavach.net"

describe("the annotations of kavach.net", function()
  it("name every function of the module, and none that it has not", function()
    local annotated, names = {}, {}
    for line in io.lines "lua/kavach/meta/net.lua" do
      annotated[#annotated + 1] = line:match "^function net%.([%w_]+)%("
    end
    for name in pairs(net) do names[#names + 1] = name end
    table.sort(annotated)
    table.sort(names)
    assert.same(names, annotated)
  end)
end)
