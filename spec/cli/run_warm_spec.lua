--- `kavach run` that is interrupted, or out of time, while it makes a template or starts from one.
--- QEMU is a stand-in.

local guest = require "support.guest_program"
local lfs = require "lfs"
local saveable = require "support.saveable"
local standin = require "support.standin"

describe("kavach run", function()
  setup(guest.setup)
  teardown(guest.teardown)

  local templates
  before_each(function()
    templates = standin.folder .. "/cache/kavach/templates"
    os.execute("rm -rf '" .. standin.folder .. "/cache'")
  end)

  -- What there is of templates, locks aside, and marks that one is bad.
  local function kept()
    local list, bad = {}, 0
    if not lfs.attributes(templates) then return list, bad end
    for name in lfs.dir(templates) do
      if name:find "^%.new" or #name == 32 then list[#list + 1] = name end
      if lfs.attributes(templates .. "/" .. name .. "/bad") then bad = bad + 1 end
    end
    return list, bad
  end

  -- Starts a run, and gives it back once it has said so.
  local function started(qemu, text, more)
    local words = { "--verbose", "--memory", "64" }
    for _, word in ipairs(more or {}) do words[#words + 1] = word end
    words[#words + 1] = "echo it runs"
    local running, said = guest.start(words, { qemu = qemu }), ""
    while not said:find(text, 1, true) do
      said = said .. assert(running.stderr:read(), said)
    end
    return running
  end

  it("shows what the guest or QEMU says of it as text, which no terminal obeys", function()
    -- It answers all that it is told by a failure.
    local boot = [[
      clone = true
      local wire = require "kavach.sandbox.wire"
      local failed = wire.frame(wire.FAILED, 1, string.pack("<I4z", 5, "\27]0;title\7"))
      pipe.read(port, function() pipe.write(port, failed, nothing) end, nothing)]]
    for _, more in ipairs { "--log-format=text", "--log-format=json" } do
      local code, _, errors = guest.run({ more, "--verbose", "--memory", "64", "true" },
        { qemu = saveable.program { boot = boot } })
      assert.equal(125, code)
      assert.matches("no template was made: the agent: \\+x1b%]0;title", errors)
      assert.is_nil(errors:find "[\27\7]")
    end
  end)

  local MAKING <const> = {
    ["boots the first guest"] = { { boot = "forever()" }, "QEMU runs" },
    ["saves the first guest"] = { { save = "forever()" }, "it is saved for later starts" },
  }

  for when, case in pairs(MAKING) do
    for signal, name in pairs { [2] = "SIGINT", [15] = "SIGTERM", [9] = "SIGKILL" } do
      it(("ends at once by %s while it %s, and leaves nothing"):format(name, when), function()
        local running <close> = started(saveable.program(case[1]), case[2])
        running:kill(signal)
        assert.equal(128 + signal, running:wait().exit_code)
        guest.assert_nothing_left()
        guest.eventually(function() return #kept() == 0 end, "nothing of a template is left")
      end)
    end

    it(("is out of time while it %s, and leaves nothing"):format(when), function()
      local running <close> = started(saveable.program(case[1]), case[2], { "--timeout", "500ms" })
      assert.equal(124, running:wait().exit_code)
      guest.assert_nothing_left()
      assert.same({}, (kept()))
    end)
  end

  for when, faults in pairs {
    ["QEMU begins"] = { start = "if clone and io.open(%q) then forever() end" },
    ["QEMU restores it"] = { restore = "if io.open(%q) then forever() end" },
  } do
    local function hanging()
      local marker = standin.folder .. "/hang"
      os.remove(marker)
      local made = {}
      for point, code in pairs(faults) do made[point] = code:format(marker) end
      local qemu = saveable.program(made)
      assert.equal(0, (guest.run({ "--memory", "64", "true" }, { qemu = qemu })))
      assert.equal(1, #kept())
      assert(io.open(marker, "wb")):close()
      return qemu
    end

    it(("ends at once by SIGINT as %s from a template, which is not to blame"):format(when),
      function()
        local running <close> = started(hanging(), "the backend is")
        guest.eventually(function() return #guest.processes() > 0 end, "QEMU runs")
        running:kill(2)
        assert.equal(128 + 2, running:wait().exit_code)
        guest.assert_nothing_left()
        local list, bad = kept()
        assert.same({ 1, 0 }, { #list, bad })
      end)

    it(("is out of time as %s from a template, which is not to blame"):format(when), function()
      local code, _, errors = guest.run({ "--memory", "64", "--timeout", "500ms", "true" },
        { qemu = hanging() })
      assert.equal(124, code, errors)
      guest.assert_nothing_left()
      local list, bad = kept()
      assert.same({ 1, 0 }, { #list, bad })
    end)
  end
end)
