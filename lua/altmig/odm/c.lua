-- SPDX-License-Identifier: MIT
-- The C files that odmcreate makes of class definitions: NAME.h declares a structure and the
-- descriptors of each class, NAME.c defines them for the routines of <odmi.h>.
--
-- The structures are the records of class files in the memory of a 32-bit program; longs are 32 bits
-- wide in a 64-bit one too. The names of the types' numbers beyond those of the manual, and the order of the
-- initializers, which is that of the class file (its header is a struct Class), are ours (inferred: odm-create).

local odm_c = {}

local declarations = {
  short = "short\t%s;", long = "__long32_t\t%s;", ulong = "__ulong32_t\t%s;", double = "double\t%s;",
  long64 = "int64_t\t%s;", ulong64 = "uint64_t\t%s;",
  char = "char\t%s[%d];", longchar = "char\t%s[%d];", method = "char\t%s[%d];", binary = "char\t%s[%d];",
  vchar = "char\t*%s;\t/* up to %d bytes */",
  link = "struct Class\t*%s;\n\tstruct listinfo\t*%s_info;\n\tchar\t%s_Lvalue[%d];\t/* %s of class %s */",
}
local numbers = { long64 = "ODM_LONG_LONG", ulong64 = "ODM_ULONG_LONG" }
local widths = { short = 2, long = 4, ulong = 4, double = 8, long64 = 8, ulong64 = 8 }
-- Other spellings in class definitions.
local spellings = { int64 = "long64", ODM_LONG_LONG = "long64", uint64 = "ulong64", ODM_ULONG_LONG = "ulong64" }

local function kind(descriptor) return spellings[descriptor.type] or descriptor.type end

local function member(d)
  local form = declarations[kind(d)]
  if d.type == "link" then return "\t" .. form:format(d.name, d.name, d.name, d.size, d.key, d.class) .. "\n" end
  return "\t" .. form:format(d.name, d.size) .. "\n"
end

--- The header file.
---@param classes { name: string, descriptors: altmig.odm.Descriptor[] }[]
---@return string
function odm_c.header(classes)
  local out = { "#include <odmi.h>\n" }
  for _, class in ipairs(classes) do
    out[#out + 1] = ("\nstruct %s {\n\t__long32_t\t_id;\t/* number of the object in its class */\n"):format(class.name)
      .. "\t__long32_t\t_reserved;\n\t__long32_t\t_scratch;\t/* for the application */\n"
    for _, descriptor in ipairs(class.descriptors) do out[#out + 1] = member(descriptor) end
    out[#out + 1] = ("\t};\n#define %s_Descs %d\nextern struct Class %s_CLASS[];\n"):format(class.name, #class.descriptors,
      class.name)
    out[#out + 1] = ("#define get_%s_list(a,b,c,d,e) (struct %s *)odm_get_list(a,b,c,d,e)\n"):format(class.name, class.name)
  end
  return table.concat(out)
end

local function element(class, d)
  local link = d.type == "link" and ("(char *)%s_CLASS, %q, 0"):format(d.class, d.key) or "NULL, NULL, 0"
  return ("\t{ %q, %s, offsetof(struct %s, %s), %d, %s, NULL, -1, 0 },\n"):format(d.name, numbers[kind(d)]
    or "ODM_" .. kind(d):upper(), class.name, d.name, widths[kind(d)] or d.size, link)
end

-- Classes of other definitions that links lead to.
local function outside(classes)
  local known, out = {}, {}
  for _, class in ipairs(classes) do known[class.name] = true end
  for _, class in ipairs(classes) do
    for _, d in ipairs(class.descriptors) do
      if d.type == "link" and not known[d.class] then
        known[d.class] = true
        out[#out + 1] = ("extern struct Class %s_CLASS[];\n"):format(d.class)
      end
    end
  end
  return table.concat(out)
end

--- The source file.
---@param classes { name: string, descriptors: altmig.odm.Descriptor[] }[]
---@param header string        # name of the header file
---@return string
function odm_c.source(classes, header)
  local out = { ('#include <stddef.h>\n#include <odmi.h>\n#include "%s"\n\n%s'):format(header, outside(classes)) }
  for _, class in ipairs(classes) do
    local name = class.name
    out[#out + 1] = ("\nstatic struct ClassElem %s_ClassElem[] = {\n"):format(name)
    for _, descriptor in ipairs(class.descriptors) do out[#out + 1] = element(class, descriptor) end
    out[#out + 1] = ("\t};\nstruct Class %s_CLASS[] = { {\n\tODMI_MAGIC, %q, sizeof(struct %s), %s_Descs, %s_ClassElem,\n"):format(
      name, name, name, name, name) .. '\tNULL, FALSE, NULL, NULL, 0, 0, NULL, 0, "", 0, -ODMI_MAGIC\n\t} };\n'
  end
  return table.concat(out)
end

return odm_c
