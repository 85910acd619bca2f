"""Short forms of given names in six languages, from common knowledge: Robert signs as Bob, Giuseppe as Beppe."""

from __future__ import annotations

from allears.guard.redaction.folding import fold

_TABLE = """
alexander: alex sandy sasha xander lex; alexandra: alex sandra sasha alexa; alessandro: alex ale sandro; alessandra: ale sandra; alejandro: alex ale jandro; alejandra: ale; alfred: alf fred alfie
alfredo: fredo; alice: ali; andrew: andy drew; andrea: andy; andreas: andi; angela: angie; ann: annie nan; anna: annie anni nina; anne: annie; anthony: tony ant; antonio: toni toño tonino nino antonino
antonia: toni; antoine: toine; arthur: art artie; barbara: barb barbie babs; benjamin: ben benny benji; bernard: bernie; bernhard: berni; beatrice: bea bice; beatriz: bea; brigitte: gitte; carl: charlie
carlo: carletto; carlos: carlitos; caroline: caro carrie; carolina: caro; catherine: cathy kate katie cath cat; katherine: kathy kate katie kat kitty; katharina: kathi kati käthe; charles: charlie chuck
charlotte: lotte lottie charlie; christian: chris; christina: chris tina chrissy; christine: chris tina chrissie; christopher: chris topher kit; christoph: chris; christophe: chris; clara: clary
concepción: concha conchita; cristina: cri tina cris; cristiano: cri; daniel: dan danny dani; daniela: dani; danielle: dani; david: dave davy; davide: dade; deborah: deb debbie; dolores: lola
domenico: mimmo nico; dominique: domi; donald: don donnie; dorothy: dot dottie; edoardo: edo; eduardo: edu lalo; edward: ed eddie ted ned teddy; eduard: edi; elena: ele lena; elisabetta: betta eli
elisabeth: lisa liz elli sissi; elizabeth: liz lizzie beth betty eliza libby lisa bess; emanuele: manu lele; emmanuel: manu; emily: em emmy; enrique: quique kike; ernest: ernie; eugenio: genio; federico: fede
federica: fede; ferdinand: ferdi; fernando: nando fer; filippo: pippo; filipe: lipe; florian: flo; francesco: franco checco ciccio; francesca: franca fra checca; francis: frank frankie; francisco: paco pancho curro chico
francisca: paca; françois: franck; frances: fran fanny; frederick: fred freddie; friedrich: fritz; frédéric: fred; gabriel: gabe gabi; gabriele: lele; gabriella: gabi; gerald: gerry jerry; gerhard: gerd
giacomo: jack mino; gianluca: luca; giovanni: gianni nino vanni; giorgio: gio; giuseppe: beppe peppe pino geppo; giuseppina: pina; gregory: greg; gregorio: goyo; guglielmo: memo; guilherme: gui; guillermo: memo guille
gustavo: gus; harold: harry hal; heinrich: heinz heini; helena: lena helen; henry: harry hank; ignacio: nacho; irene: ire; isabel: isa bel; isabella: isa bella; isabelle: isa; jacob: jake; jacqueline: jackie
jacques: jacky; james: jim jimmy jamie; janet: jan; jennifer: jen jenny jenn; jeffrey: jeff; jeremy: jez; jessica: jess jessie; jesús: chus chuy; joachim: achim jo; joana: jo; joão: joãozinho; johannes: hannes hans jo
johann: hans; john: johnny jack jon; jonathan: jon jonny; jorge: jorgito; josé: pepe zé pepito; joseph: joe joey; josefa: pepa; josephine: josie jo; joshua: josh; juan: juanito; judith: judy; julia: jule; julie: jules
kenneth: ken kenny; kevin: kev; kimberly: kim; laurent: lolo; lawrence: larry; leonard: leo len lenny; leonardo: leo; lorenzo: enzo renzo lori; louis: lou; louise: lou; luigi: gigi luigino; luis: lucho; luisa: lu; ludwig: lutz
lucas: luke; manuel: manu manolo; manuela: manu; marco: marchino; marcus: marc; margaret: maggie meg peggy marge margie; margherita: rita marghe; margarita: marga rita; maria: mimi mary; marie: mimi; maría: mari maruja
mariateresa: marite; martin: marty; martina: marti; matthew: matt matty; mateo: teo; matteo: teo matte; matthias: matze; mathieu: mat; massimiliano: max massimo; maximilian: max maxi; maxime: max; mercedes: merche
michael: mike mick mickey michi; michele: mike; michelle: shelly; miguel: migue; montserrat: montse; natalie: nat; nathan: nate; nathaniel: nate nat; nicholas: nick nicky; nicola: nico; nicolas: nico; nicole: nicky nico
oliver: ollie olli; olivier: olive; pamela: pam; patricia: pat patty trish tricia; patrick: pat paddy rick; paula: pau; pedro: perico; peter: pete; philip: phil pip; philippe: phil; pierre: pierrot; pietro: piero
pilar: pili; rachel: rach; raffaele: lello raf; raimundo: mundo; raymond: ray; rebecca: becky becca; ricardo: rick ricky cardo; riccardo: ricky; richard: dick rick rich ricky richie; robert: bob rob bobby robbie bert
roberto: rob robi beto; rodrigo: rodri; roger: rog; ronald: ron ronnie; rosario: charo saro; salvatore: totò salvo turi; samantha: sam sammy; samuel: sam sammy; sarah: sally; sebastian: seb basti bastian; sebastián: seba
sébastien: seb; sergio: checo; simone: simo; sofia: sofi; sophie: so; stefan: steff; stefano: ste; stefania: stefi; stephanie: steph steffi; stephen: steve stevie; steven: steve; susan: sue susie suzie; susanne: susi sanne
teresa: tere terry; theodore: ted theo teddy; theresa: terry tess; thomas: tom tommy; tiago: ti; timothy: tim timmy; tommaso: tommy; ulrich: uli; ulrike: uli; umberto: berto; ursula: uschi ulla; valentina: vale; valerie: val
vanessa: nessa; veronica: vero; victor: vic; victoria: vicky tori; vincent: vince vinny; vincenzo: enzo vince; vicente: chente; virginia: ginny ginger; walter: walt wally; wilhelm: willi willy; william: bill will billy willy liam
wolfgang: wolf wolfi; xavier: xavi; javier: javi; zachary: zach zack
"""


def _both_ways() -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for entry in _TABLE.replace("\n", ";").split(";"):
        name, _, shorts = entry.partition(":")
        for short in shorts.split():
            full, brief = fold(name.strip()).text, fold(short).text
            found.setdefault(full, set()).add(brief)
            # Whoever is known as Bob may sign as Robert.
            found.setdefault(brief, set()).add(full)
    return {name: tuple(sorted(forms)) for name, forms in found.items()}


DIMINUTIVES: dict[str, tuple[str, ...]] = _both_ways()
"""Folded name -> other forms of it, both ways."""
