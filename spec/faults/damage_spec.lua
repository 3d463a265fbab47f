--- A journal that is damaged, of a newer kavach, or may not be written.

local batches = require "support.batches"
local host = require "support.host"
local lfs = require "lfs"
local program = require "support.program"

local PAGE <const> = 4096

-- Twenty jobs, of which the last ones, if it is so, are not run before it is resumed.
local SCRIPT <const> = [[
  local batch = require("kavach").batch { name = "hurt", jobs = 1, sandbox = false,
    halt = os.getenv "HALT" and "soon,done=15" or nil }
  for i = 1, 20 do
    batch:job { id = "job" .. i, command = "echo >>$HOME/ran-$KAVACH_JOB; seq 400" }
  end
  return batch
]]

describe("a journal", function()
  local here
  before_each(function()
    here = batches.place()
    here:write("script.lua", SCRIPT)
  end)
  after_each(function() here.remove() end)

  local function times(id) return #(here:read("ran-" .. id) or "") end

  -- Whether what was said of it is a message for a person.
  local function check_message(code, out, errors, what)
    if code == 0 then return end
    assert.equal(1, code, what .. errors)
    assert.matches("^kavach: batch[^\n]*\n$", errors, 1, false)
    assert.is_nil(out:find "traceback")
  end

  -- Has a page of the journal be something else: what is said of it by everything
  -- that may be done with it. A job that was done is not run again, whatever is there.
  local function try(good, page)
    local path, name = here:path "hurt.db", ("page %d: "):format(page)
    os.remove(path .. "-wal")
    os.remove(path .. "-shm")
    host.write(path, good:sub(1, page * PAGE) .. ("\xa5"):rep(PAGE)
      .. good:sub((page + 1) * PAGE + 1))
    for _, words in ipairs { { "status", "hurt" }, { "report", "hurt", "--json" },
      { "logs", "hurt" }, { "list" } } do
      local code, out, errors = here:run(table.unpack(words))
      check_message(code, out, errors, name .. table.concat(words, " "))
    end
    local code, _, errors = here:run("resume", "hurt", "--quiet")
    assert.equal(1, code, name .. errors)
    assert.matches("kavach: batch resume: [^\n]*hurt.db[^\n]*\n$", errors)
    for i = 1, 15 do assert.equal(1, times("job" .. i), name) end
  end

  for how, env in pairs { ["of a batch that is over"] = {},
    ["of one that is not"] = { HALT = "1" } } do
    it("with a damaged page is refused or reported, and nothing runs twice: " .. how, function()
      assert.equal(0, (here:run("script.lua", "--quiet", env)))
      local good = host.slurp(here:path "hurt.db")
      assert.is_true(#good > 8 * PAGE)
      -- Every second page; of the other batch the others.
      for page = env.HALT and 0 or 1, #good // PAGE - 1, 2 do try(good, page) end
      for i = 16, 20 do assert.equal(env.HALT and 0 or 1, times("job" .. i)) end
    end)
  end

  it("of a newer kavach is refused, by all who would look into it", function()
    assert.equal(0, (here:run("script.lua", "--quiet")))
    local file <close> = assert(io.open(here:path "hurt.db", "r+b"))
    file:seek("set", 60) -- the user version: https://www.sqlite.org/fileformat2.html
    file:write(string.pack(">I4", 4000))
    file:flush()
    for _, words in ipairs { { "status", "hurt" }, { "report", "hurt" }, { "logs", "hurt" },
      { "resume", "hurt" }, { "script.lua", "--resume" } } do
      local code, out, errors = here:run(table.unpack(words))
      assert.same({ 1, "" }, { code, out })
      assert.matches("^kavach: batch[ %l]*: [^\n]*/hurt%.db: its version is 4000, of a newer "
        .. "kavach; this one knows up to %d+\n$", errors)
    end
    -- Only who says so gets another in its place.
    assert.equal(1, (here:run "script.lua"))
    assert.equal(0, (here:run("script.lua", "--replace", "--quiet")))
    assert.equal(2, times("job1"))
  end)

  it("where nothing may be written is told of, and not gone on with", function()
    assert.equal(0, (here:run("script.lua", "--quiet", { HALT = "1" })))
    local lines = {}
    for _, words in ipairs { "status hurt", "report hurt --json", "logs hurt", "list",
      "resume hurt", "script.lua --replace", "script.lua --name other", "remove hurt" } do
      lines[#lines + 1] = ("'%s' batch %s >>out 2>>errors; echo $? >>codes"):format(
        program.absolute, words)
    end
    local env = {}
    for name, value in pairs(here.env) do env[#env + 1] = ("%s='%s'"):format(name, value) end
    local code, _, errors = program.shell(([[
      cd '%s' && env -i %s unshare -m sh -c "
        mount --bind '%s' '%s' && mount -o remount,ro,bind '%s' || exit 99
        %s"
    ]]):format(here.folder, table.concat(env, " "), here.state, here.state, here.state,
      table.concat(lines, "\n"):gsub("%$", "\\$")))
    if code == 99 or errors:find "unshare" then
      return pending("no file system can be mounted here: " .. errors)
    end
    assert.same({ 0, "" }, { code, errors })
    errors = here:read "errors"
    assert.equal(("0\n"):rep(4) .. ("1\n"):rep(4), here:read "codes", errors)
    for line in errors:gmatch "[^\n]+" do
      assert.matches("^kavach: batch[ %l]*: [^\n]*%.lock: Read%-only file system$", line)
    end
    assert.is_truthy(lfs.attributes(here:path "hurt.db"))
    assert.equal(0, (here:run("resume", "hurt", "--quiet")))
    for i = 1, 20 do assert.equal(1, times("job" .. i)) end
  end)
end)
