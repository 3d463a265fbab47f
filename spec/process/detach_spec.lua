local host = require "support.host"
local lfs = require "lfs"

-- The script's supervisor runs, so what is detached has something to escape from.
local DETACH = [[
  local kavach, core, stream = require "kavach", require "kavach.core", require "kavach.stream"
  local p <close> = kavach.process.start { "sleep", "60" }
  local raw, pid = core.detach({ "/bin/sh", "-c", %q }, %q)
  if not raw then
    print(pid)
    return
  end
  local channel = stream.wrap(raw)
  print(pid, channel:read(), kavach.process.exec({ "true" }).exit_code)
]]

describe("a program that is detached", function()
  local folder, remove, marker, output

  before_each(function()
    folder, remove = host.folder()
    marker, output = host.marker(), folder .. "/output"
  end)

  after_each(function()
    for _, pid in ipairs(host.processes(marker)) do os.execute("kill -9 " .. pid) end
    remove()
  end)

  local function detach(line)
    local code, out, errors = host.script(DETACH:format(line, output))
    assert.same({ 0, "" }, { code, errors })
    return out
  end

  it("outlives its starter and all that the starter's supervisor ends", function()
    local pid = detach("printf up >&3; exec sleep " .. marker):match "^(%d+)\tup\t0\n$"
    assert.is_string(pid)
    assert.same({ tonumber(pid) }, host.processes(marker))
    -- proc(5): state, parent, group, session, terminal
    local _, group, session, terminal = host.slurp("/proc/" .. pid .. "/stat")
      :match "^.*%) %a (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+)"
    assert.equal(group, session)
    assert.not_equal(pid, session) -- who does not lead a session gets no terminal
    assert.equal("0", terminal)
  end)

  it("has nothing open but /dev/null, its output and the channel", function()
    detach "ls -l /proc/$$/fd; printf up >&3"
    local text = host.slurp(output)
    assert.matches(" 0 %-> /dev/null\n", text)
    assert.matches(" 1 %-> " .. output:gsub("%p", "%%%0") .. "\n", text)
    assert.matches(" 2 %-> " .. output:gsub("%p", "%%%0") .. "\n", text)
    assert.matches(" 3 %-> socket:", text)
    assert.equal(4, select(2, text:gsub(" %-> ", "")))
    assert.equal("rw-------", lfs.attributes(output, "permissions"))
  end)

  it("is an error where it cannot be started, and leaves no file", function()
    local core = require "kavach.core"
    local started, why = core.detach({ "/no/such/program" }, output)
    assert.is_nil(started)
    assert.matches("/no/such/program.*No such file", why)
    assert.is_nil(lfs.attributes(output))
  end)

  it("does not write into a file that is there", function()
    host.write(output, "mine")
    assert.matches("File exists", detach "echo theirs", 1, true)
    assert.equal("mine", host.slurp(output))
  end)
end)
