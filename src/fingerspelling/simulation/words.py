"""Word lists and syllables from which phrases.py builds what nobody has spelled before."""

from pathlib import Path


def _listed(text: str) -> list[str]:
    return text.split()


GIVEN_NAMES = _listed(
    "aaron abigail adam adele agnes aisha alan albert alice amina amy andre anita anna arthur barbara beatrice "
    "benjamin bianca boris brenda bruno caleb camila carla carlos cecilia chloe claire connor curtis daniel daphne "
    "david deborah diego dmitri dolores doris edith edwin elena elias ella emil emma enzo erica esther ethan eva "
    "felix fiona florence frank freya gabriel george gina gloria grace greta gustavo hannah harold hassan hazel "
    "heather hector helen hugo ian ida ingrid iris isaac ivan jack jacob jasmine javier jean jeffrey jill joan joel "
    "jorge joshua joyce juan judith julia kamal karen karl kathleen kevin kim kyle lara laura leon lillian linda "
    "logan lucas lucy luis mabel malik marcus maria marion martha martin matthew maya megan melvin mia miguel mila "
    "miriam mohammed monica nadia nancy naomi neil nina noah nora norman olga oliver olivia omar oscar pablo pamela "
    "patrick paula pedro peter phoebe quentin rachel rafael ralph rebecca regina ricardo rita robert rosa roy ruth "
    "ryan sam samantha sara sean sergio sheila silvia simon sofia stella steven susan sylvester tamara tanya teresa "
    "theo thomas tina tracy tyler ursula valerie vanessa vera victor vince violet walter wanda wendy william xavier "
    "yasmin yolanda yusuf yvonne zachary zara zoe"
)
# Surnames and other proper names: openings and endings that people recognise as names.
NAME_OPENINGS = _listed(
    "al ander ash back barn ben berg black bran brook bur cal carl castel chan clay clif col cor crane dal dev don "
    "ed el ever fair fern ford gar gold gon grand green hal ham har hart hend hill hol jack jen kauf ker kim lam lang "
    "law led lin lock long mac mar mart mil mont moor nor oak ober ol pal park pat per quin ram rich ro rod ros san "
    "schwar sil stan stein sul tan thorn tor val van ver wal war web wes whit wil wood ya zim"
)
NAME_ENDINGS = _listed(
    "a ada ado ano berg bury by combe dale dez den der don e elli er ers es ett ette ey ez field ford ham haus holm "
    "i ier ies ill in ing ini io is ish ita kin kins ko land ley li lin lo man mann mer ner ney o off ola on ov ova "
    "quist ran rey ridge rock s sen ski smith son stad stein ston ter ton us vale vich vin wald way well wick witz "
    "worth y"
)
PLACE_WORDS = _listed(
    "alder apple arrow aspen autumn bay beaver birch blue bluff brick bridge bright canyon cedar cherry chestnut "
    "church clear clover copper coral county cove crane creek crystal deer dogwood eagle east elk elm falls farm fern "
    "field fire forest fox glen golden grape green grove harbor hawk hickory high hollow horse indian iron ivy "
    "juniper king lake laurel lime little long lost maple meadow mill mirror moss new north oak old olive orchard "
    "otter park pearl pebble pine plum prairie quail rabbit raven red ridge river rock rose royal sage sand shadow "
    "silver south spring spruce stone summer sun swan timber turtle twin union valley view vista walnut water west "
    "white wild willow wind winter wolf wood yellow"
)
STREETS = _listed(
    "road road road street street street street avenue avenue avenue lane lane drive drive drive court circle way "
    "way trail trail place place boulevard loop hill park parkway terrace square path row run highway route bend "
    "ridge pike alley crossing plaza"
)
DIRECTIONS = _listed("north south east west northeast northwest southeast southwest ne nw se sw n s e w")
SITE_WORDS = _listed(
    "about account active album archive art article audio auto baby bank best bike blog board boat book box bus "
    "cafe camp car card cart casino center chat city class club code coffee comic contact cook cool craft daily data "
    "date design dog down drive east edit event expo farm fashion file film find fish fit food forum free fun gallery "
    "game garden gift girl global gold golf good green group guide hair hand health help home host hotel house ideas "
    "image index info item job journal kids lab land law learn life light link list live local log love mag mail map "
    "market media menu mobile model money music net news night online open page paper park party pet photo phone pic "
    "pizza plan play plus point post press print product profile radio rent report room run sale school score search "
    "sea sell shop show site sky soft song sport star start stock store story style sun super sushi tag tea team tech "
    "test theme time tips today tool top tour town toy track trade travel tube tv user video view vip voice walk wall "
    "watch water web week wiki wine wood work world yoga zone"
)
TOP_DOMAINS = _listed(
    "com com com com com com com com net org org info biz ru de de co.uk com.br fr it es nl pl jp co.jp cz hu se be "
    "ch at us ca com.au in ir vn edu gov eu io co me tv gr ro ua kr dk no fi sk pt cl com.ar mx tr xyz top online"
)
FILE_ENDINGS = _listed(".html .html .htm .php .aspx .pdf .jpg .cfm .asp .js")
# Consonants before the vowel, vowels, consonants after it: the sound of some languages.
SYLLABLES = [
    tuple(part.split(",") for part in sounds.split("|"))
    for sounds in (
        "b,c,d,f,g,h,j,l,m,n,p,r,s,t,w,br,cl,dr,fl,gr,pl,sh,sl,sp,st,th,tr,wh,y|a,e,i,o,u,ea,oo,ai,ow|,,,n,r,s,t,ll,ck,nd,st,rk,ng,x",
        "b,c,d,f,g,l,m,n,p,r,s,t,v,ch,j,qu,ll|a,e,i,o,u,a,e,o,ia,ue|,,,,,n,r,s,l",
        "b,d,f,g,h,k,l,m,n,r,s,t,w,z,sch,st,pf,kr,br,schl|a,e,i,o,u,e,ei,ie,au,eu|,,n,r,ch,t,l,rg,nd,ss,tz,ff",
        "b,ch,d,f,g,h,j,k,m,n,r,s,sh,t,ts,w,y,z,ky|a,i,u,e,o,a,o,ou|,,,,,n",
        "b,c,d,f,g,k,l,m,n,p,r,s,t,w,z,cz,sz,dz,kr,pr,st,w|a,e,i,o,y,a,o,ie|,,,n,k,w,j,l,ch,sk",
        "b,d,g,h,k,l,m,n,ng,p,ph,qu,t,th,tr,v,x,z,j|a,i,u,e,o,ao,ua,uy,ie|,,n,ng,nh,t,m,h",
    )
]
# Letters that seldom come up, to be inserted.
RARE_LETTERS = "jqxzkvwyfp"

SENTENCES = Path(__file__).with_name("sentences.txt").read_text().splitlines()
# Words that exist: everyday ones, abbreviations, first names, places, and those of the lists above.
ENGLISH = Path(__file__).with_name("english.txt").read_text().split()
KNOWN = sorted({word for sentence in SENTENCES for word in sentence.split()} | {*SITE_WORDS, *PLACE_WORDS, *ENGLISH})
