#!/usr/bin/python3
"""Holds the dialect of CONTRIBUTING.md over all C files of a build, as the compiler reads them.

  dialect.py BUILD             what BUILD/compile_commands.json compiles of the product, tests, bench and examples; a file
                               that no build here compiles is a finding, and so is a build without such files
  dialect.py BUILD windows     the files that only the Windows build compiles
  dialect.py --file FILE...    these files, without a build (the fixtures)

Prints FILE:LINE: RULE: TEXT. Exit: 0 no finding, 1 findings, 2 it could not look, 77 python3-clang or libclang is missing.
"""
import concurrent.futures
import ctypes
import glob
import json
import os
import re
import shlex
import subprocess
import sys

try:
    import clang.cindex as ci
except ImportError:
    print('dialect: SKIPPED: python3-clang is not installed')
    sys.exit(77)

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..'))
OURS = re.compile(r'^(core|pkcs11|wire|plugin|ctl|tests|bench|examples)/.*\.c$')
WINDOWS_ONLY = re.compile(r'_win\.c$|^core/key/cng/|^ctl/install_certificate\.c|^tests/windows/')
NOT_BUILT = re.compile(r'^tests/style/fixtures/|^tests/support/preload_first\.c') # the latter by a sanitized build alone
K, T = ci.CursorKind, ci.TypeKind
NOTHING_YET = re.compile(r'(false|true|-?\d+|NULL|KG_OK|CKR_OK|CK_INVALID_HANDLE|CURLE_OK|INVALID_HANDLE_VALUE|""|\{[{}, 0]*\})?')
JUMP_TARGETS = (K.LABEL_STMT, K.CASE_STMT, K.DEFAULT_STMT)


def load():
    """The newest libclang that these bindings can use; its own headers (stddef.h and the like)."""
    for folder in sorted(glob.glob('/usr/lib/llvm-*'), key=lambda f: int(re.sub(r'\D', '', f) or 0), reverse=True):
        for library in glob.glob(folder + '/lib/libclang.so*') + glob.glob(folder + '/lib/libclang-*.so*'):
            headers = glob.glob(folder + '/lib/clang/*/include')
            if '-cpp' in library or not headers:
                continue
            ci.Config.set_library_file(library)
            try:
                lib = ci.conf.lib
            except ci.LibclangError:
                continue
            lib.clang_Location_isFromMainFile.argtypes = [ci.SourceLocation]
            lib.clang_getFileLocation.argtypes = [ci.SourceLocation] + [ctypes.c_void_p] * 4
            return lib, headers[0]
    print('dialect: SKIPPED: no libclang with its headers below /usr/lib/llvm-*')
    sys.exit(77)


LIB, HEADERS = load()


def is_bool(kind):
    return kind.get_canonical().kind == T.BOOL


def is_constant(kind):
    return kind.is_const_qualified() or kind.kind in (T.CONSTANTARRAY, T.INCOMPLETEARRAY) and is_constant(kind.element_type)


class Reader:
    """One file, read."""

    def __init__(self, path, arguments):
        self.path, self.found = path, set()
        with open(path, 'rb') as file:
            self.text = file.read()
        unit = ci.Index.create().parse(path, args=arguments + ['-isystem', HEADERS, '-std=c11', '-w'])
        errors = [str(d) for d in unit.diagnostics if d.severity >= ci.Diagnostic.Error]
        if errors:
            raise ValueError(errors[0])
        for top in unit.cursor.get_children():
            if top.kind == K.FUNCTION_DECL and LIB.clang_Location_isFromMainFile(top.location):
                self.walk(top)

    @staticmethod
    def offset(location):
        """Where it is written in the file, also where it is an argument of a macro."""
        value = ctypes.c_uint()
        LIB.clang_getFileLocation(location, None, None, None, ctypes.byref(value))
        return value.value

    def extent(self, cursor):
        return self.offset(cursor.extent.start), self.offset(cursor.extent.end)

    def source(self, cursor):
        begin, end = self.extent(cursor)
        return self.text[begin:end].decode()

    def report(self, cursor, rule, what):
        line = self.text[:self.extent(cursor)[0]].count(b'\n') + 1
        self.found.add((os.path.relpath(self.path, ROOT), line, rule, what))

    def walk(self, cursor):
        children = list(cursor.get_children())
        self.truth(cursor, children)
        if cursor.kind == K.COMPOUND_STMT:
            self.block(children)
            self.air(cursor, children)
        elif cursor.kind in (K.GOTO_STMT, K.INDIRECT_GOTO_STMT):
            self.report(cursor, 'goto', 'a function that works and a caller that cleans up')
        for child in children:
            self.walk(child)

    # --- (a) what stands alone as a truth value -------------------------------------------------------------------

    def truth(self, cursor, children):
        kind = cursor.kind
        if kind in (K.IF_STMT, K.WHILE_STMT, K.CONDITIONAL_OPERATOR):
            self.judge(children[0])
        elif kind == K.DO_STMT:
            self.judge(children[-1])
        elif kind == K.FOR_STMT:
            for child in children[:-1]:
                begin, end = self.extent(child)
                if self.text[:begin].rstrip().endswith(b';') and self.text[end:].lstrip().startswith(b';'):
                    self.judge(child)
        elif kind == K.BINARY_OPERATOR and self.operator(children) in ('&&', '||'):
            for child in children:
                self.judge(child)
        elif kind == K.UNARY_OPERATOR and self.source(cursor).startswith('!'):
            self.judge(children[0])
        elif (kind == K.CSTYLE_CAST_EXPR or kind == K.UNEXPOSED_EXPR and len(children) == 1) and is_bool(cursor.type):
            self.judge(children[-1])

    def judge(self, cursor):
        while cursor.kind in (K.UNEXPOSED_EXPR, K.PAREN_EXPR):
            inner = list(cursor.get_children())
            if len(inner) != 1:
                break
            cursor = inner[0]
        kind = cursor.type.get_canonical()
        if kind.kind in (T.POINTER, T.CONSTANTARRAY):
            self.report(cursor, 'pointer', 'compare it with NULL: ' + self.brief(cursor))
        elif kind.kind == T.ENUM and kind.get_declaration().spelling == 'kg_status':
            self.report(cursor, 'status', 'compare it with KG_OK: ' + self.brief(cursor))

    def operator(self, children):
        """A binary operator as written, which these bindings don't tell: what is between its operands."""
        if len(children) != 2:
            return ''
        between = self.text[self.extent(children[0])[1]:self.extent(children[1])[0]].decode()
        between = re.sub(r'/\*.*?\*/|\\\n', '', between, flags=re.S)
        found = re.search(r'(&&|\|\||[-+*/%&|^<>=!]*=)[\s(]*$', between)
        return found[1] if found else ''

    def brief(self, cursor):
        return re.sub(r'\s+', ' ', self.source(cursor))[:60]

    # --- (d) no blank line at a block's beginning or after its first declarations -----------------------------------

    def air(self, cursor, statements):
        rests = [self.text[self.extent(cursor)[0] + 1:]]
        for n, statement in enumerate(statements[:-1]):
            if statement.kind != K.DECL_STMT:
                break
            if statements[n + 1].kind != K.DECL_STMT:
                rests.append(self.text[self.extent(statement)[1]:])
        if any(re.match(rb'[ \t]*(/\*[^\n]*)?\n[ \t]*\n', rest) for rest in rests):
            self.report(cursor, 'blank', 'none before the first statement of a block')

    # --- (b) where a local is declared ----------------------------------------------------------------------------

    def block(self, statements):
        for i, statement in enumerate(statements):
            variables = list(statement.get_children()) if statement.kind == K.DECL_STMT else []
            for n, variable in enumerate(variables):
                if (variable.kind == K.VAR_DECL and variable.storage_class == ci.StorageClass.NONE
                        and self.blank(variable) and not any(self.mentions(v, variable) for v in variables[n + 1:])):
                    self.place(variable, statements[i + 1:])

    def place(self, variable, following):
        for n, statement in enumerate(following):
            if statement.kind in JUMP_TARGETS:
                return
            if self.mentions(statement, variable):
                if self.assigns(statement, variable):
                    self.report(variable, 'declaration', f'{variable.spelling} is assigned below: declare it there')
                elif sum(s.kind != K.DECL_STMT and not self.source(s).startswith('(void)') for s in following[:n]) > 1:
                    self.report(variable, 'declaration', f'{variable.spelling} is first used further down: declare it there')
                return

    def blank(self, variable):
        """A variable without an initialiser, or with one that says nothing yet."""
        initialiser = self.source(variable).partition('=')[2].strip()
        return not is_constant(variable.type) and re.fullmatch(NOTHING_YET, initialiser) is not None

    def mentions(self, cursor, variable):
        if cursor.kind == K.DECL_REF_EXPR and cursor.referenced == variable:
            return True
        return any(self.mentions(child, variable) for child in cursor.get_children())

    def assigns(self, statement, variable):
        """`variable = something of others;`"""
        sides = list(statement.get_children())
        return (statement.kind == K.BINARY_OPERATOR and self.operator(sides) == '=' and sides[0].kind == K.DECL_REF_EXPR
                and sides[0].referenced == variable and not self.mentions(sides[1], variable))


def read(job):
    path, arguments = job
    try:
        return sorted(Reader(path, arguments).found)
    except (ValueError, ci.TranslationUnitLoadError) as error:
        return [(os.path.relpath(path, ROOT), 0, 'unreadable', str(error))]


def arguments_of(command):
    """What decides the meaning of a file: definitions, folders of headers; not what is made of it."""
    words, kept = shlex.split(command), []
    while words:
        word = words.pop(0)
        if word in ('-isystem', '-include', '-I', '-D'):
            kept += [word, words.pop(0)]
        elif word.startswith(('-I', '-D', '-U')) and not word.startswith('-D_FORTIFY_SOURCE'):
            kept.append(word)
    if 'mingw32' in command.split()[0]:
        kept += ['-target', 'x86_64-w64-mingw32', '-isystem', '/usr/x86_64-w64-mingw32/include']
    return kept


def compiled(build):
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
        entries = json.load(file)
    return {os.path.relpath(os.path.realpath(e['file']), ROOT): e['command'] for e in reversed(entries)}


def jobs_of(build, windows):
    commands = compiled(build)
    names = sorted(n for n in commands if OURS.search(n) and (WINDOWS_ONLY.search(n) or not windows))
    missed = []
    if not windows:
        listed = subprocess.run(['git', '-C', ROOT, 'ls-files'], capture_output=True, text=True, check=True).stdout.split()
        missed = [n for n in listed if OURS.search(n) and n not in commands and os.path.exists(os.path.join(ROOT, n))
                  and not WINDOWS_ONLY.search(n) and not NOT_BUILT.search(n)]
    return [(os.path.join(ROOT, n), arguments_of(commands[n])) for n in names], missed


def main(arguments):
    if arguments[:1] == ['--file']:
        jobs, missed = [(os.path.realpath(f), ['-D_POSIX_C_SOURCE=200809L', '-I' + ROOT]) for f in arguments[1:]], []
    elif len(arguments) == 1 or arguments[1:] == ['windows']:
        jobs, missed = jobs_of(arguments[0], arguments[1:] == ['windows'])
    else:
        sys.exit(__doc__)
    with concurrent.futures.ProcessPoolExecutor(max_workers=2) as pool:
        found = [f for result in pool.map(read, jobs, chunksize=4) for f in result]
    found += [(n, 0, 'unread', 'no build compiles it') for n in missed]
    for path, line, rule, what in found:
        print(f'{path}:{line}: {rule}: {what}')
    print(f'dialect: {len(jobs)} files, {len(found)} findings')
    if not jobs or any(rule == 'unreadable' for _, _, rule, _ in found):
        print('dialect: it could not look at ' + ('some of them' if jobs else 'anything'))
        return 2
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
