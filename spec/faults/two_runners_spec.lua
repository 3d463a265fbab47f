--- Two processes that would work on one batch.

local batches = require "support.batches"
local host = require "support.host"
local kavach = require "kavach"
local lfs = require "lfs"

local SCRIPT <const> = [[
  local batch = require("kavach").batch { name = "one", jobs = 1, sandbox = false }
  batch:job { id = "a", command = "echo ran >>ran; while [ -e wait ]; do sleep 0.01; done" }
  return batch
]]

describe("a batch that runs", function()
  local here, first
  before_each(function()
    here = batches.place()
    here:write("script.lua", SCRIPT)
    here:write("wait", "")
    first = here:start { "script.lua", "--json" }
    assert.is_true(host.eventually(function() return here:read "ran" end))
  end)
  after_each(function()
    first:close()
    assert.is_true(here:gone())
    here.remove()
  end)

  -- All others are refused at once, and told who has it.
  local function check_refusals()
    local pid = first:pid()
    for _, words in ipairs {
      { "script.lua" }, { "script.lua", "--resume" }, { "script.lua", "--replace" },
      { "resume", "one" }, { "remove", "one" },
    } do
      local begun = kavach.now()
      local code, out, errors = here:run(table.unpack(words))
      assert.same({ 1, "" }, { code, out }, table.concat(words, " "))
      assert.matches(("^kavach: batch[ %%l]*: the batch 'one' is being worked on by process "
        .. "%d, since %%d%%d%%d%%d%%-%%d%%d%%-%%d%%d %%d%%d:%%d%%d:%%d%%d\n$"):format(pid), errors)
      assert.is_true(kavach.now() - begun < 5000)
    end
    assert.is_truthy(lfs.attributes(here:path "one.db"))
  end

  it("is not another's, who is told whose it is", function()
    check_refusals()
    os.remove(here.folder .. "/wait")
    assert.equal(0, (batches.finish(first)))
    assert.equal("ran\n", here:read "ran")
    assert.equal(0, (here:run("remove", "one")))
    assert.is_nil(lfs.attributes(here:path "one.db"))
    assert.is_nil(lfs.attributes(here:path "one.lock"))
  end)

  it("is not another's while its process is stopped, and goes on after that", function()
    first:kill(19)
    local stat = "/proc/" .. first:pid() .. "/stat"
    assert.is_true(host.eventually(function() return host.slurp(stat):find "%) T" end))
    check_refusals()
    os.remove(here.folder .. "/wait")
    first:kill(18)
    assert.equal(0, (batches.finish(first)))
    assert.equal("ran\n", here:read "ran")
  end)

  it("is the next one's as soon as it has ended, in the same process too", function()
    os.remove(here.folder .. "/wait")
    assert.equal(0, (batches.finish(first)))
    local code, out, errors = here:script [[
      local kavach = require "kavach"
      local again = { resume = true, failed = true }
      for i, how in ipairs { { replace = true }, again, { replace = true } } do
        local batch = kavach.batch { name = "one", jobs = 1, sandbox = false }
        batch:job { id = "a", command = "false" }
        print(i, assert(batch:run(how)).counts.failed)
      end
    ]]
    assert.same({ 0, "1\t1\n2\t1\n3\t1\n", "" }, { code, out, errors })
  end)
end)
