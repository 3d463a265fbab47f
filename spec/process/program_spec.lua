local core = require "kavach.core"
local host = require "support.host"
local process = require "kavach.process"

local function exec(program, argv, options)
  local all = { program = program }
  for key, value in pairs(options or {}) do all[key] = value end
  return process.exec(argv, all)
end

describe("a program that was opened", function()
  local folder, remove

  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)

  local function script(name, text)
    local path = host.write(folder .. "/" .. name, "#!/bin/sh\n" .. text .. "\n")
    assert(os.execute(("chmod +x '%s'"):format(path)))
    return path
  end

  it("is what runs, whatever stands at its path since", function()
    local path = script("swapped", "echo first")
    local program = assert(core.program_open(path))
    assert(os.remove(path))
    script("swapped", "echo second")
    assert.equal("first\n", assert(exec(program, { path })).stdout)
    assert.equal("second\n", assert(process.exec { path }).stdout)
  end)

  it("has the name that it is given, and its own file", function()
    local program = assert(core.program_open "/bin/sh")
    local r = assert(exec(program, { "a name", "-c", "echo $0; readlink /proc/$$/exe" }))
    local real = io.popen "readlink -f /bin/sh":read "l"
    assert.equal("a name\n" .. real .. "\n", r.stdout)
  end)

  it("inherits nothing of it, unless it is a script", function()
    local ls = io.popen "command -v ls":read "l"
    local plain = assert(process.exec { "ls", "/proc/self/fd" }).stdout
    local program = assert(core.program_open(ls))
    assert.equal(plain, assert(exec(program, { "ls", "/proc/self/fd" })).stdout)
  end)

  it("can be run again, and with more than a packet of arguments", function()
    local program = assert(core.program_open "/bin/sh")
    local word = ("x"):rep(100000)
    for _ = 1, 2 do
      local r = assert(exec(program,
        { "sh", "-c", "cat; printf %s $1 $2 | wc -c", "sh", word, word }, { stdin = "in\n" }))
      assert.equal("in\n200000\n", (r.stdout:gsub(" ", "")))
    end
  end)

  it("that cannot be executed is an error like any other", function()
    local program = assert(core.program_open(host.write(folder .. "/plain", "no program")))
    local r, e = exec(program, { "plain" })
    assert.is_nil(r)
    assert.equal("exec_failed", e.kind)
    assert.matches("plain: Permission denied", e.message)
  end)

  it("is not opened if it is no file, and says why", function()
    for path, why in pairs { [folder] = "not a regular file", ["/dev/null"] = "not a regular file",
      [folder .. "/none"] = "No such file" } do
      local program, message = core.program_open(path)
      assert.is_nil(program)
      assert.matches(path .. ": ", message, 1, true)
      assert.matches(why, message, 1, true)
    end
  end)

  it("is of no use once it is closed", function()
    local program = assert(core.program_open "/bin/sh")
    program:close()
    program:close()
    assert.error_matches(function() exec(program, { "sh" }) end, "the program is closed")
  end)
end)
