local host = require "support.host"
local program = require "support.program"
local template = require "kavach.batch.template"

local function expand(text, values, options, seq)
  local compiled = assert(template.compile(text, options))
  return compiled:expand({ values = type(values) == "table" and values or { values } },
    { seq = seq or 1 })
end

local function refused(text, options)
  local compiled, message = template.compile(text, options)
  assert.is_nil(compiled, ("%s is taken"):format(text))
  return message
end

-- What a shell prints for these lines, one script of them all; KAVACH_SLOT is 7.
local function printed(lines, shell)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
  local code, out, errors = program.shell(("KAVACH_SLOT=7 %s %s"):format(shell or "sh", path))
  os.remove(path)
  assert.same({ 0, "" }, { code, errors })
  return out
end

describe("a command template", function()
  it("has the input as its last word if it says nothing else", function()
    assert.equal("gzip -k a.txt", expand("gzip -k", "a.txt"))
    assert.equal("gzip -k a.txt", expand("gzip -k \n", "a.txt"))
    assert.same({ "gzip", "-k", "a b" }, expand({ "gzip", "-k" }, "a b"))
    assert.equal("awk '{print $1}' a", expand("awk '{print $1}'", "a"))
  end)

  it("has no place for the input behind what ends a command", function()
    for _, text in ipairs { "date;", "date &", "date # now", "cat <<E\nx\nE", "" } do
      assert.matches("say where it goes", refused(text), 1, true)
    end
  end)

  it("leaves braces that mean nothing as they are", function()
    for _, text in ipairs {
      "awk '{print}' {}", "echo {foo} {0} {a,b} { } {{x}} ${1} ${HOME} {}",
    } do
      assert.equal((text:gsub("{}$", "x")), expand(text, "x", { count = 1 }))
    end
  end)

  it("quotes a value as its place needs it", function()
    local value <const> = [[a "b" $c `d` 'e' \]]
    for _, text in ipairs {
      "printf %s {}", 'printf %s "{}"', "printf %s '{}'", 'printf %s "$(printf %s {})"',
      "x={}; printf %s \"$x\"", "printf %s ${x:-'{}'}", "# it's\nprintf %s {}",
      "(printf %s {})", 'printf %s "$(printf %s "{}" # )\n)"', "printf %s {} # it's",
    } do
      assert.equal(value, printed { expand(text, value) }, text)
    end
  end)

  it("is refused where no quoting makes a value safe, with what to write instead", function()
    for text, why in pairs {
      ["echo \\{}"] = "behind a backslash", ['echo "\\{}"'] = "behind a backslash",
      ["echo `echo {}`"] = "write $(…)", ['echo "`echo {}`"'] = "write $(…)",
      ["echo $(({} + 1))"] = "a variable first", ["(( {} ))"] = "a variable first",
      ["echo ${x:-{}}"] = "a variable first", ['echo "${x:-"{}"}"'] = "behind a quote in",
      ["echo $'{}'"] = "without the $", ["echo $'\\'' {}"] = "without the $",
      ["cat <<E\n{}\nE"] = "a here-document", ["date # {}"] = "leave it out",
      ['echo "$(case a in a) echo {};; esac)"'] = "a case in $(…)",
      ['echo "$(((echo \')))\'); echo {}))"'] = "((…))",
      ["echo '{}"] = "a ' is not closed", ['echo "{}'] = 'a " is not closed',
      ["echo $(echo {}"] = "a $( is not closed",
    } do
      assert.matches(why, refused(text), 1, true)
    end
  end)

  it("takes numbers where values are refused", function()
    assert.equal("date # 3", expand("date # {#}", "x", nil, 3))
    assert.equal("echo $((3+1))", expand("echo $(({#}+1))", "x", nil, 3))
  end)

  it("keeps a number from naming a descriptor, and a word from being the shell's", function()
    assert.equal("2\n3\n", printed {
      expand("echo {}>/dev/stdout | cat", "2"), expand("echo {#}>/dev/stdout | cat", "x", nil, 3),
    })
    assert.equal("'A=b' x", expand("{} x", "A=b"))
    assert.equal("'if' x", expand("{} x", "if"))
  end)

  it("leaves the slot to the shell, which knows it when the job starts", function()
    assert.equal("7 a7b <7>\n", printed { expand('echo {%} a{%}b "<{%}>"', "x") })
    for _, text in ipairs { "echo '{%}'", "echo \\{%}", "cat <<E\n{%}\nE" } do
      assert.matches("use $KAVACH_SLOT", refused(text), 1, true)
    end
    assert.matches("known to a shell alone", refused { "echo", "{%}" }, 1, true)
    assert.matches("known to a shell alone", refused("{%}", { form = "text" }), 1, true)
  end)

  it("names columns by their header", function()
    local header <const> = { columns = { "n", "path" } }
    assert.equal("echo x a/b.c a/b b.c a b a/b.c",
      expand("echo {n} {path} {path.} {path/} {path//} {path/.} {2}", { "x", "a/b.c" }, header))
    assert.equal("echo ${n} x a", expand("echo ${n} {}", { "x", "a" }, header))
    assert.matches("(did you mean {path}?)", refused("echo {paht/}", header), 1, true)
    assert.matches("an input has 2 columns", refused("echo {3}", header), 1, true)
  end)

  it("says that inputs are not split", function()
    assert.matches("--colsep or --csv", refused("echo {2}", { count = 1 }), 1, true)
    assert.equal("echo a a", expand("echo {1} {-1}", "a", { count = 1 }))
  end)

  it("puts values into an argv as they are", function()
    assert.same({ "a b", "$x", "<a b $x>", "", "2" },
      expand({ "{1}", "{2}", "<{}>", "{3}", "{#}" }, { "a b", "$x" }, nil, 2)
    )
    assert.same({ "cat", "a b", "$x", "b" }, expand({ "cat", "{}", "{3/}b" }, { "a b", "$x" }))
  end)

  it("may be a text that is no command, to which nothing is added", function()
    assert.equal("a b-1", expand("{}-{#}", "a b", { form = "text" }))
    assert.equal("same", expand("same", "a b", { form = "text" }))
  end)
end)

-- ---- any bytes ---------------------------------------------------------------------------------

-- The same bytes in each run.
local function random_strings(count)
  local state, list = 1, {}
  local function next_number(most)
    state = (state * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
    return (state >> 33) % most
  end
  local LIKELY <const> = [['"\`$(){};|&<>!#~*?[]=- ]] .. "\n\t\r\1\127\xff"
  for i = 1, count do
    local bytes = {}
    for j = 1, next_number(24) do
      local at = next_number(2 * #LIKELY) + 1
      bytes[j] = at <= #LIKELY and LIKELY:sub(at, at) or string.char(next_number(255) + 1)
    end
    list[i] = table.concat(bytes)
  end
  return list
end

describe("bytes that go through a shell", function()
  local values = random_strings(400)
  local PLACES <const> = {
    "printf '%s\\0' {}", "printf '%s\\0' \"{}\"", "printf '%s\\0' '{}'",
    "x=$(printf %s {}; echo x); printf '%s\\0' \"${x%x}\"",
    "x=\"$(printf %s \"{}\"; echo x)\"; printf '%s\\0' \"${x%x}\"",
  }
  for _, shell in ipairs { "sh", "bash", "busybox sh" } do
    it("come out as they went in: " .. shell, function()
      for _, place in ipairs(PLACES) do
        local compiled, lines, expected = assert(template.compile(place)), {}, {}
        -- $(…) is a process each.
        for i = 1, #values, place:find("$(", 1, true) and 20 or 1 do
          lines[#lines + 1] = compiled:expand({ values = { values[i] } }, { seq = i })
          expected[#expected + 1] = values[i]
        end
        local got = {}
        for value in printed(lines, shell):gmatch "([^\0]*)\0" do got[#got + 1] = value end
        assert.same(expected, got, place)
      end
    end)
  end
end)

-- ---- GNU parallel ------------------------------------------------------------------------------

describe("GNU parallel agrees about", function()
  local _, version = program.shell "parallel --version"
  local is_there = version:find("GNU parallel", 1, true)
  -- It keeps there what it finds out about the machine when it runs first.
  local home, remove
  setup(function() home, remove = host.folder() end)
  teardown(function() remove() end)

  -- What its commands for these records print.
  local function theirs(given, records, text)
    host.write(home .. "/input", table.concat(records, "\0") .. "\0")
    host.write(home .. "/script", text)
    local code, out = program.shell(("cd %s; PARALLEL_HOME=. parallel --dry-run -k -0 %s -a input "
      .. '"$(cat script)"'):format(home, given))
    assert.equal(0, code)
    return printed { out }
  end

  local function ours(text, inputs, options)
    local compiled, lines = assert(template.compile(text, options)), {}
    for i, values in ipairs(inputs) do
      lines[i] = compiled:expand({ values = values }, { seq = i })
    end
    return printed(lines)
  end

  local function each_shown(strings)
    return "printf '[%s]' " .. strings .. "; echo"
  end

  it("the parts of a path", function()
    if not is_there then return pending "GNU parallel is not installed" end
    local records <const> = {
      "a/b.c", "/a.b", "a/", "a/b/", ".bashrc", "a.", "a.b/c", "a//b", "a..b", "a.b c", "/",
      "./x.tar.gz", "a/.b", "it's", "a\nb", "é.ü", "-n", "$HOME", "`id`", "a*b", "{}",
      "a b/c d.e f",
    }
    local inputs = {}
    for i, record in ipairs(records) do inputs[i] = { record } end
    local text = each_shown("{} {.} {/} {//} {/.} {1} {1.} {1/} {1//} {1/.} {-1} {-1/.} {#} "
      .. "{foo}x{.}y")
    assert.equal(theirs("", records, text), ours(text, inputs))
  end)

  it("columns", function()
    if not is_there then return pending "GNU parallel is not installed" end
    -- (Of a column that is not there they make no word, we an empty one.)
    local records <const> = { "a/b.c,d e", "x,", ",y", "1,2,3" }
    local inputs <const> = { { "a/b.c", "d e" }, { "x", "" }, { "", "y" }, { "1", "2", "3" } }
    local text = each_shown "{1}- {2}- {2/} {1.}- {-1} {1/.}-{2} {}"
    assert.equal(theirs("--colsep ,", records, text), ours(text, inputs))
  end)

  it("names of columns", function()
    if not is_there then return pending "GNU parallel is not installed" end
    local text = each_shown "{n} {path.} {path/} {path//} {path/.} {2}"
    assert.equal(theirs("--colsep , --header :", { "n,path", "a b,c/d.e", "2,x" }, text),
      ours(text, { { "a b", "c/d.e" }, { "2", "x" } }, { columns = { "n", "path" } }))
  end)

  it("commands that say nothing about the input", function()
    if not is_there then return pending "GNU parallel is not installed" end
    local text = "awk '{print}' /dev/null; echo a"
    assert.equal(theirs("", { "x y", "z" }, text), ours(text, { { "x y" }, { "z" } }))
  end)
end)
